import { parseBoundedJson } from "../../bytes/bounded-json.ts";
import { MalformedBytes } from "../../bytes/byte-reader.ts";
import type { Digester } from "../../ports/hash.ts";
import { RING_STORE } from "../change/elastic-ring.ts";
import { RingInvalid } from "../ring-check.ts";
import type { Ballots } from "./acceptor.ts";
import { acceptanceFromJson, acceptanceToJson, ballotFromJson, numberedFromJson } from "./paxos-codec.ts";

/**
 * What a serving member keeps in its ring store: the file of kept-ring.ts and, behind its fields, `ringStore`, `promised`
 * and `accepted` where they are known. It stays format 1: an older release reads it while the ring is of format 1, ignores
 * what is new and drops it when it next saves; the node then draws a new store, and abstains until that is admitted.
 */
export type StoredBallots = Omit<Ballots, "store"> & {
  /** `id` is undefined where none was drawn yet: by an older release, or before the first one that draws it. */
  readonly store: { readonly id: string | undefined; readonly adopted: boolean };
};

export function encodeBallots({ served, store, promised, accepted }: StoredBallots): Uint8Array {
  const document = {
    format: 1,
    state: "serving",
    adopted: store.adopted,
    ring: served.ring,
    ringStore: store.id,
    promised,
    accepted: accepted && acceptanceToJson(accepted),
  };
  return new TextEncoder().encode(JSON.stringify(document));
}

/**
 * Undefined where the file holds a first ring that is only proposed (kept-ring.ts). Throws RingInvalid: a node that cannot read
 * what it promised must not go on as if it had promised nothing.
 */
export function decodeBallots(bytes: Uint8Array, hash: Digester): StoredBallots | undefined {
  const { format, state, adopted, ring, ringStore, promised, accepted } = parsed(bytes);
  if (format !== 1)
    throw new RingInvalid("stored ring", `format ${JSON.stringify(format)}, this version reads 1`);
  if (state === "proposed") return undefined;
  if (state !== "serving") throw new RingInvalid("stored ring", "is neither proposed nor serving");
  if (ringStore !== undefined && (typeof ringStore !== "string" || !RING_STORE.test(ringStore)))
    throw new RingInvalid("ringStore", "is not 16 hex digits");
  return {
    served: numberedFromJson(ring, hash),
    store: { id: ringStore, adopted: adopted === true },
    promised: promised === undefined ? undefined : ballotFromJson(promised, "promised"),
    accepted: acceptanceFromJson(accepted, hash),
  };
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let document: unknown;
  try {
    document = parseBoundedJson(bytes);
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw new RingInvalid("stored ring", error.message);
  }
  if (typeof document !== "object" || document === null)
    throw new RingInvalid("stored ring", "is not an object");
  return document as Readonly<Record<string, unknown>>;
}
