import type { StoredRow } from "../../../node/core/ports/database.ts";
import { isMarker } from "../../../node/core/storage/marker-hint.ts";
import { compareBytes, type KeyRecord } from "../../../node/core/version/record.ts";
import { decodeRecord } from "../../../node/core/version/record-codec.ts";
import { simulatedHash } from "../world/simulated-hash.ts";

/** By row: a file never changes a row, it replaces it. */
const decoded = new WeakMap<StoredRow, { readonly record: KeyRecord | undefined }>();

/** The record in a row; undefined where it fails its checksum or is a marker. */
export function soundRecord(row: StoredRow): KeyRecord | undefined {
  let known = decoded.get(row);
  if (known === undefined) {
    const isSound = compareBytes(simulatedHash.md5(row.record), row.digest) === 0;
    known = { record: isSound && !isMarker(row) ? decodeRecord(row.record) : undefined };
    decoded.set(row, known);
  }
  return known.record;
}
