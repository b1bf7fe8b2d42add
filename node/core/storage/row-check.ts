import type { Digester } from "../ports/hash.ts";
import { type StoredRow, UNREADABLE_RECORD } from "../ports/database.ts";
import { isMarker } from "./marker-hint.ts";
import { compareBytes, type KeyRecord } from "../version/record.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { positionOf } from "../ring/position.ts";
import { decodeRecord, RECORD_VERSION } from "../version/record-codec.ts";

/**
 * Whether a row that came from the disk may be believed. SQLite does not notice a flipped bit inside a value, so
 * each row carries the MD5 of its record and it is recomputed at every read. A row that fails is never served and
 * never merged: it counts as lost, and what it remembers of this node's counter is lost with it.
 */
export type CheckedRow =
  | { readonly state: "absent" }
  /** `owners`: whom it was kept for, as far as that can be read. */
  | { readonly state: "corrupt"; readonly owners: readonly string[] }
  /** Owners without a record (marker-hint.ts). */
  | { readonly state: "marker"; readonly row: StoredRow }
  | { readonly state: "sound"; readonly row: StoredRow; readonly record: KeyRecord };

export function checkRow(row: StoredRow | undefined, hash: Digester): CheckedRow {
  if (row === undefined) return { state: "absent" };
  if (!hasSoundDigest(row, hash)) return { state: "corrupt", owners: row.keptFor };
  if (isMarker(row)) return { state: "marker", row };
  try {
    return { state: "sound", row, record: decodeRecord(row.record) };
  } catch (error) {
    if (error instanceof MalformedBytes) return { state: "corrupt", owners: row.keptFor };
    throw error;
  }
}

export function hasSoundDigest(row: StoredRow, hash: Digester): boolean {
  return compareBytes(hash.md5(row.record), row.digest) === 0;
}

/** Whether a row of hints.db does not say (all of) what it was counted as: some column of it cannot be read. */
export function isUnreadableHint({ record, keptFor }: StoredRow): boolean {
  return keptFor.length === 0 || record.length === UNREADABLE_RECORD.length;
}

/** Whether a sound row is not that of its place: a bit of the place itself rotted, in the row or in the index. */
export function isMisplaced(row: StoredRow, hash: Digester): boolean {
  if (isMarker(row)) return false;
  try {
    return compareBytes(positionOf(keyOfRecord(row.record), hash), row.position) !== 0;
  } catch (error) {
    if (error instanceof MalformedBytes) return false;
    throw error;
  }
}

interface KeyOfRecord {
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
}

/** Bucket and key of an encoded record, without decoding the rest. Throws MalformedBytes. */
export function keyOfRecord(record: Uint8Array): KeyOfRecord {
  const reader = new ByteReader(record);
  const version = reader.u8();
  if (version !== RECORD_VERSION) throw new MalformedBytes(`record format ${version} is not known`);
  return { bucket: reader.bytes(record.length), key: reader.bytes(record.length) };
}

export function sameKey(left: KeyOfRecord, right: KeyOfRecord): boolean {
  return compareBytes(left.key, right.key) === 0 && compareBytes(left.bucket, right.bucket) === 0;
}
