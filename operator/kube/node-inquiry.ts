import type { V1Pod } from "@kubernetes/client-node";
import { AdminClient } from "../../client/admin-client.ts";
import { DynamoError } from "../../client/dynamo-error.ts";
import { ADMIN_PORT } from "../../node/contract/pod-contract.ts";
import type { NodeReport } from "../observe/observed-state.ts";

/**
 * Asks nodes what they are, straight at their pods' addresses, and tells them what to do. A node that does not answer
 * in time is a fact like any other.
 */
export class NodeInquiry {
  /** Connections are kept, by the pod's address. */
  readonly #clients = new Map<string, AdminClient>();
  readonly #timeoutMs: number;

  constructor(timeoutMs = 3_000) {
    this.#timeoutMs = timeoutMs;
  }

  /** One report for each pod that has an address and is not going away; never rejects. */
  async reports(pods: readonly V1Pod[], token: string | undefined): Promise<NodeReport[]> {
    this.#forgetExcept(pods);
    const running = pods.filter(
      ({ metadata, status }) => status?.podIP !== undefined && metadata?.deletionTimestamp === undefined,
    );
    return Promise.all(running.map((pod) => this.#report(pod, token)));
  }

  /** The one way to change something at a node. Rejects with DynamoError. */
  at(pod: V1Pod, token: string | undefined): AdminClient {
    const endpoint = `http://${hostOf(pod.status?.podIP ?? "")}:${ADMIN_PORT}`;
    const key = `${endpoint} ${token ?? ""}`;
    let client = this.#clients.get(key);
    if (client === undefined) {
      client = new AdminClient({ endpoint, token, timeoutMs: this.#timeoutMs });
      this.#clients.set(key, client);
    }
    return client;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #report(pod: V1Pod, token: string | undefined): Promise<NodeReport> {
    const name = pod.metadata!.name!;
    const client = this.at(pod, token);
    try {
      const [status, members, ring] = await Promise.all([
        client.status(),
        client.members(),
        client.ring().catch((error: unknown) => {
          if (error instanceof DynamoError && error.code === "no_ring") return undefined;
          throw error;
        }),
      ]);
      return { pod: name, answered: true, status, members: members.members, ring };
    } catch (error) {
      return { pod: name, answered: false, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Addresses of pods that are gone are given to other pods. */
  #forgetExcept(pods: readonly V1Pod[]): void {
    const present = new Set(pods.map(({ status }) => `http://${hostOf(status?.podIP ?? "")}:${ADMIN_PORT}`));
    for (const [key, client] of this.#clients) {
      if (present.has(key.split(" ")[0]!)) continue;
      client.close();
      this.#clients.delete(key);
    }
  }
}

function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
