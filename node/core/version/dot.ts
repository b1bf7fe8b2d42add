/**
 * A dot names one write: the n-th that an actor coordinated for a key. Every value carries its own, so that two
 * writes through one coordinator with the same context stay distinguishable (dotted version vectors; the "vector
 * clock" of Dynamo §4.4, dotted).
 */
export interface Dot {
  readonly actor: ActorId;
  /** 1, 2, 3, … within one actor and key. */
  readonly n: number;
}

/** `<16 hex digits of the database actor>#<epoch>`; see version/actor.ts for why it is made anew so often. */
export type ActorId = string & { readonly __brand: "ActorId" };

const ACTOR = /^[0-9a-f]{16}#(0|[1-9][0-9]{0,9})$/;
export const EPOCH_MAX = 0xffff_ffff;

/** Throws TypeError unless the text is 16 lower-case hex digits, `#` and an epoch of at most 32 bits. */
export function parseActorId(text: string): ActorId {
  if (!ACTOR.test(text) || Number(text.slice(17)) > EPOCH_MAX) {
    throw new TypeError(`not an actor id: ${JSON.stringify(text)}`);
  }
  return text as ActorId;
}

/** Total order of dots: by the text of the actor (so #10 comes before #9; any total order does), then by counter. */
export function compareDots(left: Dot, right: Dot): number {
  if (left.actor !== right.actor) return left.actor < right.actor ? -1 : 1;
  return left.n - right.n;
}

export function sameDot(left: Dot, right: Dot): boolean {
  return left.n === right.n && left.actor === right.actor;
}
