import { isNodeId, type NodeId } from "../../node-id.ts";
import { RingInvalid } from "../ring-check.ts";
import type { ElasticRing, Ring } from "../ring.ts";

/**
 * Nodes that are members no more and keep copies or hints. What they keep still comes to members, so seal rounds ask them like
 * members, as long as the ring lists them as departed. Whoever is released keeps nothing any more, or was away for so long
 * that its copies are given up: what it held may have been forgotten since, and would come back with it.
 *
 * Invariant: who asks whom follows from the ring's document alone, and a released node meets a later document than any round that did
 * not ask it was held under. So a node whose ring lists it neither as a member nor as departed gives nothing away.
 */

/** Ascending. Rings of format 1 never change. */
export function departedOf(ring: Ring | undefined): readonly NodeId[] {
  return ring?.format === 2 ? (ring.departed ?? []) : [];
}

/** Whether what this node keeps is given up: it must neither be given to others nor served, whatever it is. */
export function isGivenUp(ring: Ring, self: NodeId): boolean {
  if (ring.format === 1) return false;
  return !ring.members.some(({ id }) => id === self) && !departedOf(ring).includes(self);
}

/** The same ring with these nodes departed, too; members are none. */
export function departing(ring: ElasticRing, nodes: readonly NodeId[]): ElasticRing {
  const members = new Set(ring.members.map(({ id }) => id));
  const all = new Set([...departedOf(ring), ...nodes].filter((id) => !members.has(id)));
  const { departed: _, ...rest } = ring;
  return all.size === 0 ? rest : { ...rest, departed: [...all].sort() };
}

/** Throws RingInvalid, which names the field. */
export function checkDeparted({ departed, members }: ElasticRing): void {
  if (departed === undefined) return;
  if (!Array.isArray(departed) || departed.length === 0)
    throw new RingInvalid("departed", "is no list of node ids, or an empty one");
  const listed = new Set(members.map(({ id }) => id));
  const ids: readonly unknown[] = departed;
  ids.forEach((id, i) => {
    if (!isNodeId(id)) throw new RingInvalid(`departed[${i}]`, "is no node id");
    if (listed.has(id)) throw new RingInvalid(`departed[${i}]`, `${id} is a member`);
    if (i > 0 && departed[i - 1]! >= id)
      throw new RingInvalid(`departed[${i}]`, `${id} is not in ascending order`);
  });
}
