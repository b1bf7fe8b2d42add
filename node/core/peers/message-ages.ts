import type { NodeId } from "../node-id.ts";

/**
 * How long a message was under way, though no two nodes agree on the time. Senders write down their own clock; what a
 * message is later than the quickest one of its sender lately is its age. A node that was stopped, or that a netsplit
 * dropped packets to, gets what was sent to it in one burst afterwards: this tells it that its senders have gone on.
 *
 * The age of the first message of a peer is taken for 0. Clocks that drift apart cost 0.05 ms a second at most in
 * practice; the quickest message is forgotten after 5 to 10 s in which others came, never for mere silence.
 */
export class MessageAges {
  readonly #peers = new Map<NodeId, Offsets>();

  /** The message's age in milliseconds, ≥ 0; both times are monotonic, the one of the sender and the one of this node. */
  observe(from: NodeId, sentAtMs: number, nowMs: number): number {
    const offsetMs = nowMs - sentAtMs;
    const known = this.#peers.get(from);
    if (known === undefined) {
      this.#peers.set(from, { sinceMs: nowMs, leastMs: offsetMs, earlierMs: offsetMs });
      return 0;
    }
    const quickestMs = Math.min(known.leastMs, known.earlierMs);
    if (nowMs - known.sinceMs > WINDOW_MS) {
      this.#peers.set(from, { sinceMs: nowMs, leastMs: offsetMs, earlierMs: known.leastMs });
    } else if (offsetMs < known.leastMs) known.leastMs = offsetMs;
    return Math.max(0, offsetMs - quickestMs);
  }

  /** The peer is gone: if it comes back it may be a new process, whose clock begins anew. */
  forget(peer: NodeId): void {
    this.#peers.delete(peer);
  }
}

const WINDOW_MS = 5_000;

/** This node's clock minus the sender's at arrival. */
interface Offsets {
  readonly sinceMs: number;
  /** Since `sinceMs`. */
  leastMs: number;
  /** In the window before. */
  readonly earlierMs: number;
}
