import type { V1Pod } from "@kubernetes/client-node";
import { AdminClient } from "../../client/admin-client.ts";
import { DynamoError } from "../../client/dynamo-error.ts";
import { ADMIN_PORT } from "../../node/contract/pod-contract.ts";
import type { LeavePreview, NodeReport } from "../observe/observed-state.ts";

/**
 * Asks nodes what they are, straight at their pods' addresses, and tells them what to do. A node that does not answer
 * in time is a fact like any other.
 */
export class NodeInquiry {
  /** Connections are kept, by cluster ("namespace/name"), then by the pod's address and the token. */
  readonly #clients = new Map<string, Map<string, AdminClient>>();
  readonly #timeoutMs: number;

  constructor(timeoutMs = 3_000) {
    this.#timeoutMs = timeoutMs;
  }

  /** One report for each of the cluster's pods that has an address and is not going away; never rejects. */
  async reports(cluster: string, pods: readonly V1Pod[], token: string | undefined): Promise<NodeReport[]> {
    this.#forgetExcept(cluster, pods);
    const running = pods.filter(
      ({ metadata, status }) => status?.podIP !== undefined && metadata?.deletionTimestamp === undefined,
    );
    return Promise.all(running.map((pod) => this.#report(this.at(cluster, pod, token), pod.metadata!.name!)));
  }

  /** What a leave would move, or why a node cannot say; never rejects. */
  async preview(
    cluster: string,
    pod: V1Pod,
    { token, leaving }: { token: string | undefined; leaving: readonly string[] },
  ): Promise<LeavePreview> {
    try {
      const plan = await this.at(cluster, pod, token).planRingChange({ type: "leave", leaving });
      return { kind: "planned", plan };
    } catch (error) {
      return { kind: "refused", message: error instanceof Error ? error.message : String(error) };
    }
  }

  /** The one way to change something at a node. Rejects with DynamoError. */
  at(cluster: string, pod: V1Pod, token: string | undefined): AdminClient {
    const endpoint = endpointOf(pod);
    const key = `${endpoint} ${token ?? ""}`;
    const clients = this.#clients.get(cluster) ?? new Map<string, AdminClient>();
    this.#clients.set(cluster, clients);
    let client = clients.get(key);
    if (client === undefined) {
      client = new AdminClient({ endpoint, token, timeoutMs: this.#timeoutMs });
      clients.set(key, client);
    }
    return client;
  }

  /** A cluster that is gone: nothing of it may be under way. */
  forget(cluster: string): void {
    this.#forgetExcept(cluster, []);
    this.#clients.delete(cluster);
  }

  close(): void {
    for (const cluster of this.#clients.keys()) this.forget(cluster);
  }

  async #report(client: AdminClient, pod: string): Promise<NodeReport> {
    try {
      const [status, members, ring] = await Promise.all([
        client.status(),
        client.members(),
        client.ring().catch((error: unknown) => {
          if (error instanceof DynamoError && error.code === "no_ring") return undefined;
          throw error;
        }),
      ]);
      const [progress, keysKept] = await Promise.all([
        ring === undefined || ring.change === null ? undefined : client.ringChangeProgress(),
        status.state === "left" ? keysOf(client) : undefined,
      ]);
      return { pod, answered: true, status, members: members.members, ring, progress, keysKept };
    } catch (error) {
      return { pod, answered: false, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  /**
   * Addresses of pods that are gone are given to other pods. Only those of this cluster: the others' connections may be in
   * use, by passes over their clusters at the same time.
   */
  #forgetExcept(cluster: string, pods: readonly V1Pod[]): void {
    const clients = this.#clients.get(cluster) ?? new Map<string, AdminClient>();
    const present = new Set(pods.map(endpointOf));
    for (const [key, client] of clients) {
      if (present.has(key.split(" ")[0]!)) continue;
      client.close();
      clients.delete(key);
    }
  }
}

/** Keys of all partitions that the node has copies of. */
async function keysOf(client: AdminClient): Promise<number> {
  const { partitions } = await client.partitions();
  return partitions.reduce((sum, { keys }) => sum + keys, 0);
}

function endpointOf({ status }: V1Pod): string {
  return `http://${hostOf(status?.podIP ?? "")}:${ADMIN_PORT}`;
}

function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
