import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { StoredRow } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import { compareBytes, merge } from "../version/record.ts";
import { decodeRecord, encodeRecord } from "../version/record-codec.ts";
import { isMarker } from "./marker-hint.ts";
import { hasSoundDigest, isMisplaced } from "./row-check.ts";

/**
 * What this node owes the owners of a hint: everything it has of the key now. Usually that is the hint's own record; for
 * a marker the one in data.db; where a key lies in both, their merge. A row that failed its check, or lies where another
 * key belongs, owes nothing that could be sent. Reader (what to deliver) and writer (was exactly that delivered?) both ask here.
 */
export type Owed =
  | { readonly state: "record"; readonly record: Uint8Array; readonly digest: Uint8Array }
  /** A marker without the record that it speaks of: nobody can be given anything. */
  | { readonly state: "lost"; readonly digest: Uint8Array }
  | { readonly state: "corrupt"; readonly database: "data" | "hints" };

export function owedRecord(hint: StoredRow, own: StoredRow | undefined, hash: Digester): Owed {
  if (!hasSoundDigest(hint, hash) || isMisplaced(hint, hash)) return { state: "corrupt", database: "hints" };
  const ownIsSound = own !== undefined && hasSoundDigest(own, hash) && !isMisplaced(own, hash);
  if (isMarker(hint)) {
    if (own === undefined) return { state: "lost", digest: hint.digest };
    return ownIsSound ? recordOf(own) : { state: "corrupt", database: "data" };
  }
  if (!ownIsSound || compareBytes(own.digest, hint.digest) === 0) return recordOf(hint);
  try {
    const record = encodeRecord(merge(decodeRecord(own.record), decodeRecord(hint.record)));
    return { state: "record", record, digest: hash.md5(record) };
  } catch (error) {
    if (error instanceof MalformedBytes) return { state: "corrupt", database: "hints" };
    throw error;
  }
}

function recordOf({ record, digest }: StoredRow): Owed {
  return { state: "record", record, digest };
}
