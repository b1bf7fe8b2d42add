import type { NodeId } from "../node-id.ts";
import type { PartitionRoutes } from "../ring/change/change-routes.ts";
import { type KeepersRing, keepersOf } from "../ring/keepers.ts";
import { partitionOf } from "../ring/position.ts";
import type { RingState } from "../ring/ring-state.ts";

/**
 * Who must have what is kept for `owner` before it may be forgotten: the owner itself, which comes first, or, where it owns the partition
 * no more, or has left the ring, everybody who owns it now, before and after a change that is under way. One of them alone would not do:
 * what W nodes had acknowledged would hang on a single disk. This node may be among them. Nobody without a ring.
 *
 * While a change moves the partition, whoever gains it needs what is kept for an owner before: it may have compared its copies with that
 * owner already, and with no other that has the write. Reads would miss it after the flip, though no hint is left.
 */
export function recipientsOf(owner: NodeId, position: Uint8Array, ring: KeepersRing): readonly NodeId[] {
  const current = ring.current();
  if (current === undefined) return [];
  // Owners change by rings of format 2 alone.
  if (current.format === 1 && isMember(owner, ring)) return [owner];
  const partition = partitionOf(position, current.parameters.partitions);
  const owners = keepersOf(ring, partition);
  return owners.includes(owner) ? [owner, ...gainingBeside(owner, ring.routes(partition))] : owners;
}

function gainingBeside(owner: NodeId, { writeSets }: PartitionRoutes): readonly NodeId[] {
  const [before = [], after = []] = writeSets;
  return before.includes(owner) ? after.filter((id) => !before.includes(id)) : [];
}

export function isMember(node: NodeId, ring: RingState): boolean {
  return ring.current()?.members.some(({ id }) => id === node) ?? false;
}
