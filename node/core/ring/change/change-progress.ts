import { invariant } from "../../invariant.ts";
import type { NodeId } from "../../node-id.ts";
import { preferenceLists } from "../preference-list.ts";
import type { ElasticRing } from "../ring.ts";
import { ringAt } from "./elastic-ring.ts";

/**
 * When the next step of a change is due, from what its nodes have reported. N, W and R below: for a partition with `before`
 * owners, so many of them fence its writes that none of the epoch before can still get W acknowledgements. Of what did get them, each
 * set of so many owners holds a copy; so who has compared with all of such a set, after it had fenced, has everything.
 *
 * Requests with a smaller w or r than the defaults given here keep what they promise alone: their copies, not their quorums.
 */
export interface PartitionMove {
  readonly partition: number;
  readonly before: readonly NodeId[];
  readonly after: readonly NodeId[];
  /** Those in `after` alone. */
  readonly gaining: readonly NodeId[];
}

/** Partitions whose owners the change under way replaces; empty without one. In order of partitions. */
export function movesOf(ring: ElasticRing): PartitionMove[] {
  if (ring.change === null) return [];
  const after = preferenceLists(ringAt(ring, "after"));
  return preferenceLists(ringAt(ring, "before")).flatMap(({ partition, owners: before }) => {
    const next = after[partition]!.owners;
    const gaining = next.filter((id) => !before.includes(id));
    const isMoved = gaining.length > 0 || next.length < before.length;
    return isMoved ? [{ partition, before, after: next, gaining }] : [];
  });
}

/** What stands between a change and its next step. */
export interface Lack {
  readonly partition: number;
  /** Who has to compare more; undefined where owners before the change have to acknowledge the epoch. */
  readonly node: NodeId | undefined;
  readonly has: number;
  readonly needs: number;
}

/** How many of so many owners leave no quorum without one of them. */
export function barrierOf({ owners, quorum }: { owners: number; quorum: number }): number {
  invariant(owners > 0 && quorum > 0, `no barrier of ${owners} owners and a quorum of ${quorum}`);
  return Math.max(1, owners - quorum + 1);
}

/**
 * The owners before the change that a gaining owner may compare with now: those that have durably acknowledged the
 * change's begin, or a later epoch. Undefined while they are too few: a comparison made now would prove nothing.
 */
export function transferSources(
  { before }: Pick<PartitionMove, "before">,
  { w, isFencing }: { w: number; isFencing: (node: NodeId) => boolean },
): readonly NodeId[] | undefined {
  const fencing = before.filter(isFencing);
  return fencing.length >= barrierOf({ owners: before.length, quorum: w }) ? fencing : undefined;
}

/**
 * What the flip lacks; it is due where that is nothing. `comparedWith`: the owners that a gaining node has become equal to,
 * each compared after `transferSources` named it, on the store that the node has now: a node that lost its data begins anew.
 */
export function flipLacks(
  moves: readonly PartitionMove[],
  { w, comparedWith }: { w: number; comparedWith: (move: PartitionMove, node: NodeId) => readonly NodeId[] },
): Lack[] {
  return moves.flatMap((move) => {
    const needs = barrierOf({ owners: move.before.length, quorum: w });
    return move.gaining.flatMap((node) => {
      const has = new Set(comparedWith(move, node).filter((id) => move.before.includes(id))).size;
      return has >= needs ? [] : [{ partition: move.partition, node, has, needs }];
    });
  });
}

/**
 * What the end lacks; it is due where that is nothing. Writes go to the owners before the change until so many of them have
 * durably acknowledged the flip that no read of the epoch before can get R answers from them.
 */
export function endLacks(
  moves: readonly PartitionMove[],
  { r, isFencing }: { r: number; isFencing: (node: NodeId) => boolean },
): Lack[] {
  return moves.flatMap(({ partition, before }) => {
    const needs = barrierOf({ owners: before.length, quorum: r });
    const has = before.filter(isFencing).length;
    return has >= needs ? [] : [{ partition, node: undefined, has, needs }];
  });
}
