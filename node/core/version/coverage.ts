import type { ActorId, Dot } from "./dot.ts";

/**
 * The set of dots that somebody has seen: a version vector for the contiguous runs 1…n of each actor, plus loose
 * dots for those that are not contiguous yet. A record's coverage says which writes it contains or has superseded;
 * a context's coverage says which writes its holder was shown. Both have the same shape.
 *
 * Invariant: no loose dot is contiguous with, or below, its actor's entry in the vector; so a set of dots has one
 * form. Always ask `covers`: the vector alone forgets loose dots, and a put's context that is kept as a plain vector
 * entry loses writes (docs/decisions/0001). Values are immutable: functions return new coverages or share old ones.
 */
export interface Coverage {
  /** Counters from 1; no entry is 0. */
  readonly vector: ReadonlyMap<ActorId, number>;
  /** Ascending counters per actor; no empty lists. */
  readonly loose: ReadonlyMap<ActorId, readonly number[]>;
}

const noLooseDots: ReadonlyMap<ActorId, readonly number[]> = new Map();

export const emptyCoverage: Coverage = { vector: new Map(), loose: noLooseDots };

export function isEmptyCoverage(coverage: Coverage): boolean {
  return coverage.vector.size === 0 && coverage.loose.size === 0;
}

export function covers(coverage: Coverage, dot: Dot): boolean {
  if (dot.n <= (coverage.vector.get(dot.actor) ?? 0)) return true;
  return coverage.loose.size > 0 && (coverage.loose.get(dot.actor)?.includes(dot.n) ?? false);
}

/** The highest counter of this actor that the coverage knows of, loose or not; 0 where it knows none. */
export function highestOf(coverage: Coverage, actor: ActorId): number {
  return coverage.loose.get(actor)?.at(-1) ?? coverage.vector.get(actor) ?? 0;
}

/** The coverage and exactly this dot: never more, or the writes in between would be lost. */
export function withDot(coverage: Coverage, dot: Dot): Coverage {
  const next = (coverage.vector.get(dot.actor) ?? 0) + 1;
  if (dot.n === next && !coverage.loose.has(dot.actor)) {
    return { vector: new Map(coverage.vector).set(dot.actor, dot.n), loose: coverage.loose };
  }
  return join(coverage, { vector: emptyCoverage.vector, loose: new Map([[dot.actor, [dot.n]]]) });
}

/** The union of both sets. Commutative, associative, idempotent. */
export function join(left: Coverage, right: Coverage): Coverage {
  if (includes(left, right)) return left;
  if (includes(right, left)) return right;
  const vector = new Map(left.vector);
  for (const [actor, n] of right.vector) {
    if (n > (vector.get(actor) ?? 0)) vector.set(actor, n);
  }
  if (left.loose.size === 0 && right.loose.size === 0) return { vector, loose: noLooseDots };
  const loose = new Map<ActorId, readonly number[]>();
  for (const actor of new Set([...left.loose.keys(), ...right.loose.keys()])) {
    const rest = fold(vector, actor, [...(left.loose.get(actor) ?? []), ...(right.loose.get(actor) ?? [])]);
    if (rest.length > 0) loose.set(actor, rest);
  }
  return { vector, loose };
}

/** Moves the counters that have become contiguous into the vector; returns the ones that have not. */
function fold(vector: Map<ActorId, number>, actor: ActorId, counters: number[]): number[] {
  let top = vector.get(actor) ?? 0;
  const rest: number[] = [];
  for (const n of [...new Set(counters)].sort((a, b) => a - b)) {
    if (n === top + 1) top = n;
    else if (n > top) rest.push(n);
  }
  if (top > 0) vector.set(actor, top);
  return rest;
}

/** True where every dot of `inner` is in `outer`. By the invariant a run that `outer` has not folded has a gap. */
export function includes(outer: Coverage, inner: Coverage): boolean {
  if (outer === inner) return true;
  for (const [actor, n] of inner.vector) if ((outer.vector.get(actor) ?? 0) < n) return false;
  if (inner.loose.size === 0) return true;
  for (const [actor, counters] of inner.loose) {
    for (const n of counters) if (!covers(outer, { actor, n })) return false;
  }
  return true;
}

export function sameCoverage(left: Coverage, right: Coverage): boolean {
  return includes(left, right) && includes(right, left);
}
