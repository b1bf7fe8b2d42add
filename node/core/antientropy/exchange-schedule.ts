import type { NodeId } from "../node-id.ts";
import type { ExchangeReport } from "./exchange-report.ts";
import { untilNextMs } from "./exchange-pace.ts";

/** When which peer is compared with next, on the monotonic clock. A peer that nothing is known of is due at once. */
export class ExchangeSchedule {
  readonly #peers = new Map<NodeId, { dueMs: number; outcome: ExchangeReport["outcome"]; inARow: number }>();
  readonly #intervalMs: number;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** At `atMs`, unless it is due earlier. Whatever was held against it is forgotten. */
  soon(peer: NodeId, atMs: number): void {
    const dueMs = Math.min(this.#peers.get(peer)?.dueMs ?? atMs, atMs);
    this.#peers.set(peer, { dueMs, outcome: "equal", inARow: 0 });
  }

  /** `chance`: uniform in [0, 1). */
  ended(peer: NodeId, outcome: ExchangeReport["outcome"], at: { nowMs: number; chance: number }): void {
    const before = this.#peers.get(peer);
    const inARow = before?.outcome === outcome ? before.inARow + 1 : 1;
    const waitMs = untilNextMs({ outcome, inARow }, { intervalMs: this.#intervalMs, chance: at.chance });
    this.#peers.set(peer, { dueMs: at.nowMs + waitMs, outcome, inARow });
  }

  /** The one of these that is due first, and when; undefined where there is none. */
  first(peers: readonly NodeId[]): { readonly peer: NodeId; readonly dueMs: number } | undefined {
    let first: { peer: NodeId; dueMs: number } | undefined;
    for (const peer of peers) {
      const dueMs = this.#peers.get(peer)?.dueMs ?? 0;
      if (first === undefined || dueMs < first.dueMs) first = { peer, dueMs };
    }
    return first;
  }
}
