import type { RingPlan } from "../../node/contract/ring-change-types.ts";

/** A node that has no room for what a change would move to it. Bytes. */
export interface RoomLack {
  readonly id: string;
  /** Estimated (RingPlan). */
  readonly gained: number;
  readonly free: number;
  /** What has to be free: what it gains and what it keeps free in any case. */
  readonly needed: number;
}

/** What an estimate may be short of, and what a node keeps free in any case before it turns read-only. */
const ESTIMATE_FACTOR = 1.2;
const RESERVE_BYTES = 128 * 2 ** 20;

/**
 * Those of a plan's nodes that have no room, in the plan's order. Nobody is held to an estimate that there is none of.
 *
 * @param freeBytes of nodes by id, as their status says (`storage.volumeFreeBytes`); who is not in it is taken to have room
 */
export function roomLacks(
  { nodes }: Pick<RingPlan, "nodes">,
  freeBytes: ReadonlyMap<string, number>,
): RoomLack[] {
  return nodes.flatMap(({ id, bytesGained }) => {
    const gained = bytesGained ?? 0;
    const free = freeBytes.get(id);
    const needed = Math.ceil(gained * ESTIMATE_FACTOR) + RESERVE_BYTES;
    return gained === 0 || free === undefined || free >= needed ? [] : [{ id, gained, free, needed }];
  });
}

/** @param name the node's, for people */
export function roomLackText({ gained, free, needed }: RoomLack, name: string): string {
  return `${name} would receive about ${mebibytes(gained)} and has ${mebibytes(free)} free, where ${mebibytes(needed)} are needed`;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
