import type { NumberedRing, RingNumber } from "../ring-number.ts";
import type { Ballot } from "./ballot.ts";

/**
 * What members say to each other to decide the epoch after a ring. `base` is that ring, by number and digest: a vote is
 * about the epoch after exactly this document.
 */
export type Base = RingNumber & { readonly digest: string };

export type PaxosMessage =
  | { readonly kind: "prepare"; readonly base: Base; readonly ballot: Ballot }
  | { readonly kind: "accept"; readonly base: Base; readonly ballot: Ballot; readonly value: NumberedRing }
  | PaxosAnswer;

export type PaxosAnswer =
  /** No lower ballot gets a vote of mine, and this is the highest that got one. */
  | {
      readonly kind: "promised";
      readonly base: Base;
      readonly ballot: Ballot;
      readonly accepted: Acceptance | undefined;
    }
  | { readonly kind: "accepted"; readonly base: Base; readonly ballot: Ballot }
  /** A higher ballot has my promise. */
  | { readonly kind: "overtaken"; readonly base: Base; readonly ballot: Ballot; readonly promised: Ballot }
  /** I do not vote on this; `reason` for the log of whoever proposes. */
  | { readonly kind: "abstained"; readonly base: Base; readonly ballot: Ballot; readonly reason: string }
  /** This ring is decided: what an older one's successor should be is no question any more. */
  | { readonly kind: "decided"; readonly ring: NumberedRing };

/** A vote: of all values that were voted for, the one with the highest ballot may have been decided. */
export interface Acceptance {
  readonly ballot: Ballot;
  readonly value: NumberedRing;
}

export function baseOf({ ring, digest }: NumberedRing): Base {
  return { generation: ring.generation, epoch: ring.epoch, digest };
}

export function sameBase(a: Base, b: Base): boolean {
  return a.generation === b.generation && a.epoch === b.epoch && a.digest === b.digest;
}
