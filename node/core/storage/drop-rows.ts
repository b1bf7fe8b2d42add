import type { DroppedRow } from "../ports/misplaced-store.ts";
import type { Digester } from "../ports/hash.ts";
import { compareBytes, isTombstone } from "../version/record.ts";
import type { BatchTable } from "./batch-table.ts";
import { isMarker } from "./marker-hint.ts";
import { checkRow } from "./row-check.ts";

/**
 * Takes rows out of data.db that every owner has (ports/misplaced-store.ts). What was looked at elsewhere is named by its
 * digest: a row that has another one by now holds what nobody has been asked about.
 */
export function dropRows(
  { data, hints }: { readonly data: BatchTable; readonly hints: BatchTable },
  rows: readonly DroppedRow[],
  hash: Digester,
): void {
  for (const { position, digest, isUnread = false } of rows) {
    const row = data.read(position);
    if (row === undefined || compareBytes(row.digest, digest) !== 0) continue;
    const checked = checkRow(row, hash);
    if (checked.state === "corrupt") data.foundCorrupt(row);
    else if (isUnread) {
      data.replace(row, row, true);
      continue;
    }
    data.replace(row, undefined);
    if (checked.state === "sound" && isTombstone(checked.record)) data.addTombstones(position, -1);
    // Whomever it names: it owes what data.db held, and whoever is to have that has it.
    const marker = hints.read(position);
    if (marker !== undefined && isMarker(marker)) hints.replace(marker, undefined);
  }
}
