import { type Coverage, covers, includes } from "../version/coverage.ts";
import { type Dot, sameDot } from "../version/dot.ts";
import { compareBytes } from "../version/record.ts";
import type { LeafHash } from "../ports/merkle-store.ts";

/** What differs between two copies of the same range: decisions on values, without I/O (Dynamo §4.7). */

/** Leaves whose hashes differ or that only one side has; ascending, as both lists are. */
export function differingLeaves(ours: readonly LeafHash[], theirs: readonly LeafHash[]): number[] {
  const differing: number[] = [];
  let o = 0;
  let t = 0;
  while (o < ours.length || t < theirs.length) {
    const our = ours[o];
    const their = theirs[t];
    const order = our === undefined ? 1 : their === undefined ? -1 : our.leaf - their.leaf;
    if (order <= 0) o++;
    if (order >= 0) t++;
    if (order !== 0) differing.push(order < 0 ? our!.leaf : their!.leaf);
    else if (compareBytes(our!.hash, their!.hash) !== 0) differing.push(our!.leaf);
  }
  return differing;
}

/** Those of the first list that are in the second; both ascending, and so is the result. */
export function inBoth(first: readonly number[], second: readonly number[]): number[] {
  const known = new Set(second);
  return first.filter((each) => known.has(each));
}

/** What a copy of a key says of its versions; the values stay at home. */
export interface Versions {
  readonly coverage: Coverage;
  /** Of the siblings, in any order. */
  readonly dots: readonly Dot[];
}

export type Direction = "pull" | "push" | "both";

/**
 * Which way a record has to travel so that both sides hold the merge: none of ours is missing there ("pull"), none of
 * theirs is missing here ("push"), else "both". Copies of the same versions whose bytes differ (fields that only one
 * of them knows) go both ways too.
 */
export function directionOf(ours: Versions, theirs: Versions): Direction {
  const weLackNothing = lacksNothing(ours, theirs);
  const theyLackNothing = lacksNothing(theirs, ours);
  if (weLackNothing === theyLackNothing) return "both";
  return weLackNothing ? "push" : "pull";
}

/** True where merging `other` into `copy` would leave it as it is. */
function lacksNothing(copy: Versions, other: Versions): boolean {
  if (!includes(copy.coverage, other.coverage)) return false;
  // What the other has superseded must be gone here.
  return copy.dots.every(
    (dot) => !covers(other.coverage, dot) || other.dots.some((theirs) => sameDot(dot, theirs)),
  );
}
