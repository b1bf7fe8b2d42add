import { AdminClient } from "../admin-client.ts";
import { DynamoError } from "../dynamo-error.ts";
import type { LocalNode } from "./local-layout.ts";
import { logTail, runningPid } from "./node-process.ts";

/**
 * From started processes to a ring that serves: every node answers, the ring is formed if a node has none (forming
 * the same ring again changes nothing, so an interrupted first start is completed by the next), every node is ready
 * and reaches every other. A node that ends meanwhile ends the wait at once, with the end of its log.
 */
export interface RingStart {
  readonly nodes: readonly LocalNode[];
  readonly clusterId: string;
  readonly token: string;
  readonly progress: (line: string) => void;
}

export async function awaitServing({ nodes, clusterId, token, progress }: RingStart): Promise<void> {
  const admins = nodes.map(
    (node) => new AdminClient({ endpoint: `http://${node.admin}`, token, timeoutMs: REQUEST_MS_MAX }),
  );
  const wait = new BoundedWait(nodes, progress);
  try {
    const statuses = await wait.until("for the nodes to answer", () =>
      Promise.all(admins.map((admin) => admin.status())),
    );
    if (statuses.some((status) => status.ring.epoch === 0)) {
      progress(`forming a ring of ${nodes.length}`);
      const members = statuses.map((status) => status.node.id);
      const replicas = Math.min(3, nodes.length);
      await wait.until("for the ring to form", () => admins[0]!.formRing({ clusterId, members, replicas }));
    }
    await wait.until("for every node to serve", () => Promise.all(admins.map(assertServing)));
  } finally {
    for (const admin of admins) admin.close();
  }
}

async function assertServing(admin: AdminClient): Promise<void> {
  const { ready, reason } = await admin.readiness();
  if (!ready) throw new NotYet(`${admin.endpoint} is not ready: ${reason}`);
  const { members } = await admin.members();
  const missing = members.filter((member) => member.state !== "none" && !member.reachable);
  if (missing.length > 0)
    throw new NotYet(`${admin.endpoint} does not reach ${missing.map(({ id }) => id).join(", ")}`);
}

/** Something that time alone may heal. */
class NotYet extends Error {
  override readonly name = "NotYet";
}

class BoundedWait {
  readonly #nodes: readonly LocalNode[];
  readonly #progress: (line: string) => void;
  readonly #deadlineMs = performance.now() + START_MS_MAX;
  #saidMs = performance.now();

  constructor(nodes: readonly LocalNode[], progress: (line: string) => void) {
    this.#nodes = nodes;
    this.#progress = progress;
  }

  /** Tries again until `attempt` resolves; rejects when time is up, a node ended, or the failure is final. */
  async until<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof NotYet) && !(error instanceof DynamoError && error.retriable)) throw error;
        await this.#assertAlive();
        if (performance.now() >= this.#deadlineMs) {
          const logs = this.#nodes.map((node) => node.logFile).join("\n  ");
          throw new Error(
            `waited ${START_MS_MAX / 1_000} s ${what}: ${error.message}\nSee the logs:\n  ${logs}`,
            {
              cause: error,
            },
          );
        }
        this.#sayWhat(`waiting ${what}: ${error.message}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  }

  async #assertAlive(): Promise<void> {
    for (const node of this.#nodes) {
      if ((await runningPid(node)) !== undefined) continue;
      throw new Error(`node ${node.index} ended; the end of ${node.logFile}:\n${logTail(node, 15)}`);
    }
  }

  #sayWhat(line: string): void {
    if (performance.now() - this.#saidMs < SAY_MS) return;
    this.#saidMs = performance.now();
    this.#progress(line);
  }
}

const START_MS_MAX = 60_000;
/** Longer than a node takes to say that the ring could not be formed. */
const REQUEST_MS_MAX = 12_000;
const POLL_MS = 100;
const SAY_MS = 3_000;
