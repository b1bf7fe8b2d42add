import type { NodeId } from "../node-id.ts";
import { type KeepersRing, keepersOf } from "../ring/keepers.ts";
import { partitionOf } from "../ring/position.ts";
import type { RingState } from "../ring/ring-state.ts";

/**
 * Who must have what is kept for `owner` before it may be forgotten: the owner itself, or, where it owns the partition no
 * more, or has left the ring, everybody who owns it now, before and after a change that is under way. One of them alone would not do:
 * what W nodes had acknowledged would hang on a single disk. This node may be among them. Nobody without a ring.
 */
export function recipientsOf(owner: NodeId, position: Uint8Array, ring: KeepersRing): readonly NodeId[] {
  const current = ring.current();
  if (current === undefined) return [];
  // Owners change by rings of format 2 alone.
  if (current.format === 1 && isMember(owner, ring)) return [owner];
  const owners = keepersOf(ring, partitionOf(position, current.parameters.partitions));
  return owners.includes(owner) ? [owner] : owners;
}

export function isMember(node: NodeId, ring: RingState): boolean {
  return ring.current()?.members.some(({ id }) => id === node) ?? false;
}
