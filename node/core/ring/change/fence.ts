import { compareRings, type RingNumber } from "../ring-number.ts";
import type { Ring } from "../ring.ts";

/**
 * Whether a replica that serves `ring` serves a read or write that was planned by the ring of number `planned`.
 *
 * - "stale": by an older generation, or an older epoch than this ring accepts. It is refused, with the replica's own number; the
 *   coordinator takes the later ring and plans anew within the same request. Begin, flip and release raise what is accepted: a
 *   write that knows only the owners before a begin, a read that asks the owners before a flip, or what a stopped process still has on its
 *   way, must not be answered. End, cancel, admit and raise do
 *   not: what was planned before them goes to the same owners or to more.
 * - "fetch": by a later ring. The replica takes that ring over, durably, before it answers: it may not be a member any more, and what it
 *   coordinates itself is then planned by that ring or a later one.
 */
export function fence(ring: Ring, planned: RingNumber): "serve" | "stale" | "fetch" {
  if (compareRings(planned, ring) > 0) return "fetch";
  if (planned.generation < ring.generation || planned.epoch < acceptedFrom(ring)) return "stale";
  return "serve";
}

/** Rings of format 1 never changed: all their epochs are alike, and there is one. */
function acceptedFrom(ring: Ring): number {
  return ring.format === 2 ? ring.acceptsFrom : ring.epoch;
}
