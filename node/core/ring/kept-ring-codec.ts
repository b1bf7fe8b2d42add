import { parseBoundedJson } from "../bytes/bounded-json.ts";
import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { Digester } from "../ports/hash.ts";
import { type KeptRing, NOTHING, serving } from "./kept-ring.ts";
import { ballotsFromJson, ballotsToJson, storeFromJson } from "./paxos/ballots-codec.ts";
import { numberedFromJson } from "./paxos/paxos-codec.ts";
import { RingInvalid } from "./ring-check.ts";

/** The file that holds what a node keeps of the ring (kept-ring.ts). */
const FORMAT = 1;

/**
 * JSON: `{format, state, adopted, ring}` where a first ring is proposed; with paxos/ballots-codec.ts behind it where a ring is
 * served; `{format, state, ringStore}` for a spare. Nothing at all is no bytes and cannot be written.
 */
export function encodeKept(kept: KeptRing): Uint8Array {
  const { state } = kept;
  const document =
    state === "none"
      ? { format: FORMAT, state, ringStore: kept.store }
      : state === "proposed"
        ? { format: FORMAT, state, adopted: false, ring: kept.ring }
        : { format: FORMAT, state, ...ballotsToJson(kept.ballots) };
  return new TextEncoder().encode(JSON.stringify(document));
}

export interface DecodedRing {
  readonly kept: KeptRing;
  /** The ring store had no id yet, or only this process knows the one it has now. */
  readonly isStoreNew: boolean;
}

/** Throws RingInvalid: a node that cannot read what it promised must not go on as if it had promised nothing. */
export function decodeKept(
  bytes: Uint8Array | undefined,
  hash: Digester,
  drawStore: () => string,
): DecodedRing {
  if (bytes === undefined) return { kept: NOTHING, isStoreNew: true };
  const document = parsed(bytes);
  const { format, state, ring, ringStore } = document;
  if (format !== FORMAT) {
    throw new RingInvalid(
      "stored ring",
      `format ${JSON.stringify(format)}, this version reads ${FORMAT} only`,
    );
  }
  switch (state) {
    case "none":
      return { kept: { state, store: storeFromJson(ringStore) }, isStoreNew: false };
    case "proposed":
      return { kept: { state, ...numberedFromJson(ring, hash) }, isStoreNew: true };
    case "serving": {
      const { store, ...ballots } = ballotsFromJson(document, hash);
      const isStoreNew = store.id === undefined;
      return {
        kept: serving({ ...ballots, store: { ...store, id: store.id ?? drawStore() } }),
        isStoreNew,
      };
    }
    default:
      throw new RingInvalid(
        "stored ring",
        `state ${JSON.stringify(state)} is neither none, proposed nor serving`,
      );
  }
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
