import type { DynamoNode } from "../../../node/core/dynamo-node.ts";
import type { Cluster } from "../cluster.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import type { SimulatedHost } from "../world/simulated-host.ts";

/** What the core may be late by: its sweeps run every 20 ms, and a commit under way is not interrupted. */
const OVERDUE_GRACE_MS = 150;

export type Answer<T> =
  | { readonly kind: "answer"; readonly outcome: T }
  /** Nobody listened: provably nothing was done. */
  | { readonly kind: "not_connected" }
  /** The connection broke, or the client gave up waiting. */
  | { readonly kind: "lost" };

export interface Call<T> {
  readonly what: string;
  readonly timeoutMs: number;
  /** When the client stops waiting, whatever the node still does. */
  readonly patienceMs: number;
  invoke(node: DynamoNode): Promise<T>;
}

/** One request of a client to one node: delayed both ways, lost with the node's life, and timed (I14). */
export function callNode<T>(
  cluster: Cluster,
  host: SimulatedHost,
  call: Call<T>,
  luck: SeededRandom,
): Promise<Answer<T>> {
  const { loop } = cluster;
  const incarnation = host.incarnation;
  const thereMs = luck.skewed(0.05, 10);
  const backMs = luck.skewed(0.05, 10);
  return new Promise((resolve) => {
    if (incarnation === undefined) {
      loop.after(1, () => resolve({ kind: "not_connected" }));
      return;
    }
    let done = false;
    const finish = (answer: Answer<T>, delayMs: number): void => {
      if (done) return;
      done = true;
      forget();
      loop.after(delayMs, () => resolve(answer));
    };
    const forget = host.onDeath(() => finish({ kind: "lost" }, backMs));
    loop.after(call.patienceMs, () => finish({ kind: "lost" }, 0));
    const arrive = (): void => {
      let answered = false;
      const arrivedMs = loop.nowMs;
      call.invoke(host.node!).then(
        (outcome) => {
          answered = true;
          finish({ kind: "answer", outcome }, backMs);
        },
        (error: unknown) => {
          answered = true;
          cluster.violated("core_threw", `${call.what} rejected: ${String(error)}`);
          finish({ kind: "lost" }, 0);
        },
      );
      const checkDeadline = (): void => {
        if (answered || incarnation.pausedUntilMs > arrivedMs) return;
        const lateMs = (loop.nowMs - arrivedMs).toFixed(0);
        cluster.violated(
          "answer_overdue",
          `${call.what} at ${host.id.slice(-2)}: no answer after ${lateMs} ms`,
        );
      };
      const overdueMs = call.timeoutMs * 1.01 + OVERDUE_GRACE_MS;
      cluster.requested(loop.nowMs + overdueMs);
      loop.after(overdueMs, checkDeadline, incarnation);
    };
    loop.after(thereMs, arrive, incarnation);
  });
}
