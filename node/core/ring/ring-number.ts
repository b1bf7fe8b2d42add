import type { Ring } from "./ring.ts";

/** Where a ring is in the order of all rings of its cluster. */
export type RingNumber = Pick<Ring, "generation" | "epoch">;

/** The ring that every cluster begins with; messages between peers that name no ring are of this one (wire/messages.ts). */
export const FORMED: RingNumber = { generation: 0, epoch: 1 };

export interface NumberedRing {
  readonly ring: Ring;
  /** ring-document.ts `ringDigest`. */
  readonly digest: string;
}

/** Negative where `a` is older than `b`: a later generation fences every epoch of an earlier one. */
export function compareRings(a: RingNumber, b: RingNumber): number {
  return a.generation - b.generation || a.epoch - b.epoch;
}

export function describe({
  clusterId,
  generation,
  epoch,
}: Pick<Ring, "clusterId" | "generation" | "epoch">): string {
  return `the ring of cluster ${clusterId}, epoch ${epoch}, generation ${generation}`;
}
