import type { Digester } from "../../ports/hash.ts";
import { RING_STORE } from "../change/elastic-ring.ts";
import { RingInvalid } from "../ring-check.ts";
import type { Ballots } from "./acceptor.ts";
import { acceptanceFromJson, acceptanceToJson, ballotFromJson, numberedFromJson } from "./paxos-codec.ts";

/**
 * What a serving member keeps in its ring store, as fields of the file (kept-ring-codec.ts): those of older releases and, behind
 * them, `ringStore`, `promised`, `accepted` and `recovery` where they are known. An older release reads the file while the ring is of format 1,
 * ignores what is new and drops it when it next saves; the node then draws a new store.
 */
export type StoredBallots = Omit<Ballots, "store"> & {
  /** `id` is undefined where none was drawn yet: by an older release. */
  readonly store: { readonly id: string | undefined; readonly adopted: boolean };
};

export function ballotsToJson({ served, store, promised, accepted, recovery }: StoredBallots): object {
  return {
    adopted: store.adopted,
    ring: served.ring,
    ringStore: store.id,
    promised,
    accepted: accepted && acceptanceToJson(accepted),
    recovery: recovery?.ring,
  };
}

/** Throws RingInvalid: a node that cannot read what it promised must not go on as if it had promised nothing. */
export function ballotsFromJson(fields: Readonly<Record<string, unknown>>, hash: Digester): StoredBallots {
  const { adopted, ring, ringStore, promised, accepted, recovery } = fields;
  return {
    served: numberedFromJson(ring, hash),
    store: {
      id: ringStore === undefined ? undefined : storeFromJson(ringStore),
      adopted: adopted === true,
    },
    promised: promised === undefined ? undefined : ballotFromJson(promised, "promised"),
    accepted: acceptanceFromJson(accepted, hash),
    ...(recovery !== undefined && { recovery: numberedFromJson(recovery, hash) }),
  };
}

/** Throws RingInvalid. */
export function storeFromJson(value: unknown): string {
  if (typeof value !== "string" || !RING_STORE.test(value))
    throw new RingInvalid("ringStore", "is not 16 hex digits");
  return value;
}
