import type { StoredRow } from "../core/ports/database.ts";
import type { RowDigest } from "../core/ports/merkle-store.ts";

/**
 * A row's columns as SQLite gives them. A bit that rots in the header of a row changes the type of a column: what was a
 * blob comes back as nothing or as a number, whatever the schema says. Such a row is handed on as one that fails its
 * check (storage/row-check.ts), so that it is reported and fetched from another owner like any other that rotted.
 */
const POSITION_BYTES = 16;
const DIGEST_BYTES = 16;
const nothing = new Uint8Array(0);
/** Not empty, which would be a marker, and not what the digest of zeros is of. */
const rotten = new Uint8Array(1);
const noDigest = new Uint8Array(DIGEST_BYTES);
const nobody: readonly string[] = [];

/** @param columns position, digest, mine, kept_for, record */
export function toRow(columns: readonly unknown[], position: Uint8Array): StoredRow {
  const [, digest, mine, owners, record] = columns;
  const keptFor = typeof owners === "string" ? ownersOf(owners) : nobody;
  const isWhole =
    isBytes(digest, DIGEST_BYTES) && isBytes(mine) && isBytes(record) && typeof owners === "string";
  if (isWhole) return { position, digest, mine, keptFor, record };
  return { position, digest: noDigest, mine: nothing, keptFor, record: rotten };
}

/** Rows without a position of their own are passed over: nobody could ask for them. */
export function toRows(rows: readonly (readonly unknown[])[]): StoredRow[] {
  return rows.flatMap((columns) => (isBytes(columns[0], POSITION_BYTES) ? [toRow(columns, columns[0])] : []));
}

/** @param columns position, digest */
export function toDigests([position, digest]: readonly unknown[]): RowDigest[] {
  if (!isBytes(position, POSITION_BYTES)) return [];
  return [{ position, digest: isBytes(digest, DIGEST_BYTES) ? digest : noDigest }];
}

/** Stands before the owners of a marker, so that markers can be counted without reading a row. */
export const MARKER = "marker ";

/** The column kept_for. */
export function textOf(keptFor: readonly string[], record: Uint8Array): string {
  const owners = keptFor.join(" ");
  return record.length === 0 ? MARKER + owners : owners;
}

export function ownersOf(keptFor: string): readonly string[] {
  if (keptFor === "") return nobody;
  return (keptFor.startsWith(MARKER) ? keptFor.slice(MARKER.length) : keptFor).split(" ");
}

function isBytes(value: unknown, length?: number): value is Uint8Array {
  return value instanceof Uint8Array && (length === undefined || value.length === length);
}
