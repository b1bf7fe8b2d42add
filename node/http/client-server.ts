import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Express } from "express";
import { Admission } from "./admission.ts";
import { BadRequest } from "./bad-request.ts";
import { connectionState } from "./connection-state.ts";
import { answerConnectionErrors } from "./connection-errors.ts";
import { EventLoopDelay } from "./event-loop-delay.ts";
import { addFallbacks, createApp, methodNotAllowed, sendError } from "./express-conventions.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { HttpObserver } from "./http-observer.ts";
import { KvHandler } from "./kv-handler.ts";
import type { KeyValueService } from "./kv-service.ts";
import { isKvTarget } from "./kv-target.ts";
import { closeGracefully, type HostPort, listen, trackConnections } from "./listener.ts";
import type { NodeAdmin } from "./node-admin.ts";

/**
 * The client port. Keys and values go through `KvHandler` on node:http directly (a reply costs a fifth of what it
 * costs through Express); everything else on the port is Express, with the same errors and headers. Nothing of the
 * admin API is reachable here.
 */
export interface ClientServerOptions {
  readonly service: KeyValueService;
  readonly admin: Pick<NodeAdmin, "routingTable">;
  readonly limits: HttpLimits;
  readonly requestTimeoutMsMax: number;
  readonly observer: HttpObserver;
}

const ADJUST_EVERY_MS = 250;

export class ClientServer {
  readonly #server: Server;
  readonly #connections: ReadonlySet<Socket>;
  readonly #handler: KvHandler;
  readonly #app: Express;
  readonly #admission: Admission;
  readonly #eventLoop: EventLoopDelay;
  #adjusting: NodeJS.Timeout | undefined;

  constructor(options: ClientServerOptions) {
    const { limits, observer } = options;
    this.#eventLoop = new EventLoopDelay(limits.eventLoopDelayMsMax);
    this.#admission = new Admission(limits, this.#eventLoop);
    this.#handler = new KvHandler({ ...options, admission: this.#admission });
    this.#app = clientApp(options);
    this.#server = createServer(limits);
    this.#connections = trackConnections(this.#server);
    this.#server.on("request", (request, response) => this.#dispatch(request, response, false));
    this.#server.on("checkContinue", (request, response) => this.#dispatch(request, response, true));
    this.#server.on("checkExpectation", (request, response) => {
      const message = "the only expectation met is 100-continue";
      this.#handler.refuse(request, response, new BadRequest(417, "expectation_failed", message));
    });
    answerConnectionErrors(this.#server, observer);
  }

  /** Resolves with the address taken; rejects where the port is not free. */
  async start(address: HostPort): Promise<HostPort> {
    const taken = await listen(this.#server, address);
    this.#eventLoop.start();
    this.#adjusting = setInterval(() => this.#admission.adjust(), ADJUST_EVERY_MS).unref();
    return taken;
  }

  /** From now on each answer ends its connection: clients move on while this node still serves. */
  drain(): void {
    this.#handler.drain();
  }

  /** Resolves when no connection is left; those still busy after `graceMs` are cut. */
  async stop(graceMs: number): Promise<void> {
    this.drain();
    await closeGracefully(this.#server, this.#connections, graceMs);
    this.#eventLoop.stop();
    clearInterval(this.#adjusting);
  }

  /** For metrics. */
  load(): {
    requests: number;
    readsLimit: number;
    writesLimit: number;
    bodyBytes: number;
    eventLoopDelayMs: number;
  } {
    return {
      requests: this.#admission.requests(),
      readsLimit: this.#admission.limit("read"),
      writesLimit: this.#admission.limit("write"),
      bodyBytes: this.#admission.bodyBytes(),
      eventLoopDelayMs: this.#eventLoop.delayMs(),
    };
  }

  #dispatch(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const target = request.url ?? "";
    connectionState(request.socket).found(request, response);
    const bad = malformed(request, target);
    if (bad !== undefined) this.#handler.refuse(request, response, bad);
    else if (isKvTarget(target)) this.#handler.handle(request, response, expectsContinue);
    else this.#app(request, response);
  }
}

/** Node would accept `GET http://elsewhere/x`; whoever sends that takes us for a proxy. */
function malformed(request: IncomingMessage, target: string): BadRequest | undefined {
  if (!target.startsWith("/")) {
    return new BadRequest(400, "invalid_target", "the request target must be a path; this is not a proxy");
  }
  if (request.headers.host === undefined && request.httpVersionMinor === 1) {
    return new BadRequest(400, "invalid_request", "HTTP/1.1 needs a Host header");
  }
  return undefined;
}

/** A server with this project's bounds; both ports use it. */
export function createServer(limits: HttpLimits): Server {
  const server = http.createServer({
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: limits.headerBytesMax,
    requireHostHeader: false,
    insecureHTTPParser: false,
    noDelay: true,
  });
  server.maxConnections = limits.connectionsMax;
  return server;
}

function clientApp({ admin, observer }: ClientServerOptions): Express {
  const app = createApp();
  app.get("/v1/ring", (_request, response) => {
    const table = admin.routingTable();
    if (table !== undefined) response.json(table);
    else sendError(response, { status: 503, code: "no_ring", message: "this node is not in a ring yet" });
  });
  app.all("/v1/ring", methodNotAllowed("GET", "HEAD"));
  addFallbacks(app, (error, requestId) => observer.handlerFailed(error, requestId));
  return app;
}
