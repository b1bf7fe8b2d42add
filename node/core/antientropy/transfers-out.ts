import type { NodeId } from "../node-id.ts";

/**
 * To which nodes this one gives copies at the same time while the ring changes: questions of an exchange keep nothing
 * between them, so whoever was let in holds a place until it has not asked for some time, or was told that all is equal.
 */
export const TRANSFERS_OUT_MAX = 2;
/** Longer than the pause between two steps of an exchange. */
const SILENCE_MS = 10_000;

export class TransfersOut {
  readonly #askedMs = new Map<NodeId, number>();

  /** Whether an exchange with that peer may begin. It has a place from then on. */
  admit(peer: NodeId, nowMs: number): boolean {
    for (const [other, askedMs] of this.#askedMs)
      if (nowMs - askedMs > SILENCE_MS) this.#askedMs.delete(other);
    if (!this.#askedMs.has(peer) && this.#askedMs.size >= TRANSFERS_OUT_MAX) return false;
    this.#askedMs.set(peer, nowMs);
    return true;
  }

  /** It was told that all is equal: its exchange is over, and what it asks for next begins another. */
  ended(peer: NodeId): void {
    this.#askedMs.delete(peer);
  }

  /** The peer has asked on. */
  asked(peer: NodeId, nowMs: number): void {
    if (this.#askedMs.has(peer)) this.#askedMs.set(peer, nowMs);
  }
}
