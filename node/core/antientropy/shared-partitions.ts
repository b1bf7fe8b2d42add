import type { NodeId } from "../node-id.ts";
import { LEAF_COUNT, LEAVES_PER_READ_MAX, type LeafRange } from "../ports/merkle-store.ts";
import type { RingState } from "../ring/ring-state.ts";

/**
 * Which part of the hash space two nodes have in common (Dynamo §4.7: "the key ranges that they host in common"), as
 * partitions and as leaves. Both sides compute it from the same ring document, so it never travels.
 */

/** Ascending. Empty without a ring. */
export function sharedPartitions(ring: RingState, one: NodeId, other: NodeId): number[] {
  const count = ring.current()?.parameters.partitions ?? 0;
  const shared: number[] = [];
  for (let partition = 0; partition < count; partition++) {
    if (areOwners(ring, partition, one, other)) shared.push(partition);
  }
  return shared;
}

/** The ring must be one that has this partition. */
export function areOwners(ring: RingState, partition: number, one: NodeId, other: NodeId): boolean {
  const { owners } = ring.preferenceList(partition);
  return owners.includes(one) && owners.includes(other);
}

/** Every other node that owns a partition which `self` owns too, ascending by id. */
export function coOwners(ring: RingState, self: NodeId): NodeId[] {
  const found = new Set<NodeId>();
  const count = ring.current()?.parameters.partitions ?? 0;
  for (let partition = 0; partition < count; partition++) {
    const { owners } = ring.preferenceList(partition);
    if (owners.includes(self)) for (const owner of owners) found.add(owner);
  }
  found.delete(self);
  return [...found].sort();
}

/** The partition that a leaf is in, where there are `partitions` of them. */
export function partitionOfLeaf(leaf: number, partitions: number): number {
  return Math.floor(leaf / (LEAF_COUNT / partitions));
}

/**
 * The leaves of these partitions (ascending), in groups that one question may ask for: at most LEAVES_PER_READ_MAX
 * leaves each, neighbours joined into one range.
 */
export function leafGroups(partitions: readonly number[], partitionCount: number): LeafRange[][] {
  const leavesOfOne = LEAF_COUNT / partitionCount;
  const groups: LeafRange[][] = [];
  let room = 0;
  for (const partition of partitions) {
    const end = (partition + 1) * leavesOfOne;
    for (let first = partition * leavesOfOne; first < end;) {
      if (room === 0) {
        groups.push([]);
        room = LEAVES_PER_READ_MAX;
      }
      const count = Math.min(room, end - first);
      append(groups.at(-1)!, { first, count });
      first += count;
      room -= count;
    }
  }
  return groups;
}

function append(ranges: LeafRange[], range: LeafRange): void {
  const last = ranges.at(-1);
  if (last === undefined || last.first + last.count !== range.first) ranges.push(range);
  else ranges[ranges.length - 1] = { first: last.first, count: last.count + range.count };
}
