import type { NodeId } from "../node-id.ts";
import { partitionOf } from "../ring/position.ts";
import type { RingState } from "../ring/ring-state.ts";

/**
 * Who must have what is kept for `owner` before it may be forgotten: the owner itself, or, where it is no member any
 * more and the hint an orphan, everybody who owns the partition now. One of them alone would not do: what W nodes had
 * acknowledged would hang on a single disk. This node may be among them. Nobody without a ring.
 */
export function recipientsOf(owner: NodeId, position: Uint8Array, ring: RingState): readonly NodeId[] {
  const current = ring.current();
  if (current === undefined) return [];
  if (isMember(owner, ring)) return [owner];
  return ring.preferenceList(partitionOf(position, current.parameters.partitions)).owners;
}

export function isMember(node: NodeId, ring: RingState): boolean {
  return ring.current()?.members.some(({ id }) => id === node) ?? false;
}
