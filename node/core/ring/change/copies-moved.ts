import type { NodeId } from "../../node-id.ts";
import { type Lack, movesOf } from "./change-progress.ts";
import type { ElasticRing } from "../ring.ts";

/** How far a change is, in copies: one for each partition of each node that comes to own it. */
export interface CopiesMoved {
  readonly moved: number;
  readonly total: number;
  /** The same for each node that gets copies, ascending by id. */
  readonly nodes: readonly { readonly id: NodeId; readonly moved: number; readonly total: number }[];
}

/**
 * @param lacks what the next step lacks (change-progress.ts). After the flip every copy is complete: the end waits for
 *   something else.
 */
export function copiesMoved(ring: ElasticRing, lacks: readonly Lack[]): CopiesMoved {
  const totals = new Map<NodeId, number>();
  for (const { gaining } of movesOf(ring))
    for (const id of gaining) totals.set(id, (totals.get(id) ?? 0) + 1);
  const isFlipped = ring.change?.phase === "flipped";
  const lacking = (id: NodeId): number => (isFlipped ? 0 : lacks.filter(({ node }) => node === id).length);
  const nodes = [...totals]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, total]) => ({ id, moved: total - lacking(id), total }));
  const sum = (of: (node: (typeof nodes)[number]) => number): number =>
    nodes.reduce((all, node) => all + of(node), 0);
  return { moved: sum(({ moved }) => moved), total: sum(({ total }) => total), nodes };
}
