import { boundOf, leafOf } from "../merkle/leaf.ts";
import type { Database, StoredRow } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import { compareBytes } from "../version/record.ts";
import { positionOf } from "../ring/position.ts";
import { applyIncoming } from "./apply-write.ts";
import { isMarker } from "./marker-hint.ts";
import { union } from "./owner-set.ts";
import { checkRow, hasSoundDigest, isMisplaced, keyOfRecord } from "./row-check.ts";

/**
 * Puts rows back where they belong whose place rotted. Nobody finds such a row: its owner says that it has no such
 * key, and once the key is written again the old row makes a leaf that no co-owner will ever have. Most often the index
 * rotted, and is made anew; where a sound row's own position did, it is written again under its own place.
 *
 * To be called within a transaction. Answers the leaves, besides those that were looked at, that are others now.
 */
export function refileRows(database: Database, leaves: readonly number[], hash: Digester): number[] {
  const found = misplacedIn(database, leaves, hash);
  if (found === "disordered") {
    database.rebuildIndexes();
    return [];
  }
  if (found.length === 0) return [];
  const touched = found.map((row) => leafOf(placeOf(row, hash)));
  database.rebuildIndexes();
  const still = misplacedIn(database, leaves, hash);
  if (still !== "disordered") for (const row of still) refileRow(database, row, hash);
  return touched;
}

/**
 * Whether a row as it was read lies where it does not belong. One that fails its check has to say so twice, by the key in
 * its record and by the position beside it: else one bit of a key would send the row to the place of another.
 */
export function isAstray(row: StoredRow, database: Database, hash: Digester): boolean {
  if (!isMisplaced(row, hash)) return false;
  if (hasSoundDigest(row, hash)) return true;
  const inRow = database.positionInRow(row.position);
  return inRow !== undefined && compareBytes(inRow, placeOf(row, hash)) === 0;
}

/** Takes a sound row from the place where it was read and puts it under its own. */
export function refileRow(database: Database, row: StoredRow, hash: Digester): void {
  const position = placeOf(row, hash);
  database.remove(row.position);
  const refiled = withDisplaced(database.read(position), { ...row, position }, hash);
  if (refiled !== undefined) database.write(refiled);
}

/**
 * What a place holds once the row that was kept from it is merged into the one that took it: each may have been
 * acknowledged. Undefined where that says all of it already, or where what was displaced cannot be believed.
 */
export function withDisplaced(
  before: StoredRow | undefined,
  displaced: StoredRow,
  hash: Digester,
): StoredRow | undefined {
  const { position, record, keptFor } = displaced;
  if (!hasSoundDigest(displaced, hash)) return undefined;
  if (isMarker(displaced)) {
    return before === undefined ? displaced : { ...before, keptFor: union(before.keptFor, keptFor) };
  }
  const merged = applyIncoming(checkRow(before, hash), { position, record, keptFor }, hash);
  return merged.outcome === "accepted" ? merged.row : undefined;
}

const ROWS_PER_READ = 1_024;

/** "disordered": the index has rows that cannot be found by it, one by one. */
function misplacedIn(
  database: Database,
  leaves: readonly number[],
  hash: Digester,
): StoredRow[] | "disordered" {
  const misplaced: StoredRow[] = [];
  for (const leaf of leaves) {
    for (let after: Uint8Array | undefined = boundOf(leaf); after !== undefined;) {
      const rows = database.digests(after, boundOf(leaf + 1), ROWS_PER_READ);
      for (const { position } of rows) {
        const row = database.read(position);
        if (row === undefined || leafOf(position) !== leaf) return "disordered";
        if (isAstray(row, database, hash)) misplaced.push(row);
      }
      after = rows.length < ROWS_PER_READ ? undefined : rows.at(-1)!.position;
    }
  }
  return misplaced;
}

/** Where the key belongs that its record names. Throws MalformedBytes. */
export function placeOf({ record }: StoredRow, hash: Digester): Uint8Array {
  return positionOf(keyOfRecord(record), hash);
}
