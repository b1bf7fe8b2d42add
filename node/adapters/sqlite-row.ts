import { createHash } from "node:crypto";
import { type StoredRow, UNREADABLE_RECORD } from "../core/ports/database.ts";
import type { RowDigest } from "../core/ports/merkle-store.ts";

/**
 * A row's columns as SQLite gives them. A bit that rots in the header of a row changes the type of a column: what was a
 * blob comes back as nothing or as a number, whatever the schema says. Such a row is handed on as one that fails its
 * check (storage/row-check.ts), so that it is reported and fetched from another owner like any other that rotted.
 */
const POSITION_BYTES = 16;
const DIGEST_BYTES = 16;
const nothing = new Uint8Array(0);
const noDigest = new Uint8Array(DIGEST_BYTES);
const nobody: readonly string[] = [];

/** @param columns position, digest, mine, kept_for, record */
export function toRow(columns: readonly unknown[], position: Uint8Array): StoredRow {
  const [, digest, mine, owners, record] = columns;
  const keptFor = typeof owners === "string" ? ownersOf(owners) : undefined;
  const isWhole = isBytes(digest, DIGEST_BYTES) && isBytes(mine) && isBytes(record) && keptFor !== undefined;
  if (isWhole) return { position, digest, mine, keptFor, record };
  return { ...unreadableRow(position), keptFor: keptFor ?? nobody };
}

/** There is, or was, something at the place; it fails its check. */
export function unreadableRow(position: Uint8Array): StoredRow {
  return { position, digest: noDigest, mine: nothing, keptFor: nobody, record: UNREADABLE_RECORD };
}

/** Rows without a position of their own are passed over: nobody could ask for them. */
export function toRows(rows: readonly (readonly unknown[])[]): StoredRow[] {
  return rows.flatMap((columns) => (isPosition(columns[0]) ? [toRow(columns, columns[0])] : []));
}

/** @param columns position, digest */
export function toDigests([position, digest]: readonly unknown[]): RowDigest[] {
  if (!isPosition(position)) return [];
  return [{ position, digest: isBytes(digest, DIGEST_BYTES) ? digest : noDigest }];
}

/** Stands before the owners of a marker, so that markers can be counted without reading a row. */
export const MARKER = "marker ";

/** Stands before the checksum of what is left of it. */
const SEAL = " #";
const SEAL_HEX = 8;

/** The column kept_for: "marker "? · owners · " #" · checksum. The digest of the row says nothing of its owners. */
export function textOf(keptFor: readonly string[], record: Uint8Array): string {
  if (keptFor.length === 0) return "";
  const owners = keptFor.join(" ");
  return sealed(record.length === 0 ? MARKER + owners : owners);
}

/** With its checksum, which is the same for all rows of the same owners: they stay together in the index. */
export function sealed(owners: string): string {
  return owners + SEAL + createHash("md5").update(owners).digest("hex").slice(0, SEAL_HEX);
}

/** Undefined where a bit rotted: whom the row is kept for can then not be told. */
export function ownersOf(keptFor: string): readonly string[] | undefined {
  if (keptFor === "") return nobody;
  const owners = keptFor.slice(0, -(SEAL.length + SEAL_HEX));
  if (sealed(owners) !== keptFor) return undefined;
  return (owners.startsWith(MARKER) ? owners.slice(MARKER.length) : owners).split(" ");
}

export function isPosition(value: unknown): value is Uint8Array {
  return isBytes(value, POSITION_BYTES);
}

function isBytes(value: unknown, length?: number): value is Uint8Array {
  return value instanceof Uint8Array && (length === undefined || value.length === length);
}
