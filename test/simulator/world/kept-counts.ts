import type { StoredRow } from "../../../node/core/ports/database.ts";
import { addTo } from "../../../node/core/storage/row-counts.ts";
import { isMarker } from "../../../node/core/storage/marker-hint.ts";

/** Database.countKept of rows in memory. */
export function countKeptIn(rows: Iterable<StoredRow>): {
  markers: number;
  hintsByOwner: Map<string, number>;
} {
  const hintsByOwner = new Map<string, number>();
  let markers = 0;
  for (const row of rows) {
    if (row.keptFor.length > 0 && isMarker(row)) markers += 1;
    for (const owner of row.keptFor) addTo(hintsByOwner, owner, 1);
  }
  return { markers, hintsByOwner };
}
