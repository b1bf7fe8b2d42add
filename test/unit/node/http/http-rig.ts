import type { RoutingTable } from "../../../../node/contract/admin-types.ts";
import { ClientServer } from "../../../../node/http/client-server.ts";
import { defaultHttpLimits, type HttpLimits } from "../../../../node/http/http-limits.ts";
import type { HttpObserver } from "../../../../node/http/http-observer.ts";
import { MemoryKeyValueService } from "./memory-key-value-service.ts";

/** A client port on a free port of the loopback, over a store in memory. */
export class HttpRig {
  readonly service = new MemoryKeyValueService();
  readonly observed: string[] = [];
  routingTable: RoutingTable | undefined;
  readonly server: ClientServer;
  host = "127.0.0.1";
  port = 0;

  constructor(limits: Partial<HttpLimits> = {}, listeners = 1) {
    const observer: HttpObserver = {
      answered: (method, status) => this.observed.push(`${method} ${status}`),
      shed: (reason) => this.observed.push(`shed ${reason}`),
      connectionRefused: (code) => this.observed.push(`refused ${code}`),
      listening: (got, wanted) => this.observed.push(`listening ${got}/${wanted}`),
      handlerFailed: (error) => this.observed.push(`failed ${String(error)}`),
    };
    this.server = new ClientServer({
      service: this.service,
      admin: { routingTable: () => this.routingTable },
      limits: { ...defaultHttpLimits, ...limits },
      requestTimeoutMsMax: 60_000,
      observer,
      listeners,
    });
  }

  async start(): Promise<void> {
    this.port = (await this.server.start({ host: this.host, port: 0 })).port;
  }

  async stop(): Promise<void> {
    await this.server.stop(200);
  }
}
