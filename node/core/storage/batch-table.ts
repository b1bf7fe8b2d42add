import type { Database, StoredRow } from "../ports/database.ts";
import { isMarker } from "./marker-hint.ts";
import { addTo } from "./row-counts.ts";

/** One database within one batch: its transaction, begun at the first touch, and how its rows change in it. */
export class BatchTable {
  readonly database: Database;
  touched = false;
  /** Rows that failed their check; the one who reads checks them. */
  rowsCorrupt = 0;
  rowsAdded = 0;
  markersAdded = 0;
  /** By owner; below 0 where more are forgotten than kept. */
  readonly hintsAdded = new Map<string, number>();

  constructor(database: Database) {
    this.database = database;
  }

  read(position: Uint8Array): StoredRow | undefined {
    if (!this.touched) {
      this.database.begin();
      this.touched = true;
    }
    return this.database.read(position);
  }

  /** Puts `after` in the place of `before`, the row as it was read; without one `before` is removed. */
  replace(before: StoredRow | undefined, after: StoredRow | undefined): void {
    if (after !== undefined) this.database.write(after);
    else if (before !== undefined) this.database.remove(before.position);
    this.rowsAdded += Number(after !== undefined) - Number(before !== undefined);
    this.markersAdded += countOfMarkers(after) - countOfMarkers(before);
    for (const owner of after?.keptFor ?? []) addTo(this.hintsAdded, owner, 1);
    for (const owner of before?.keptFor ?? []) addTo(this.hintsAdded, owner, -1);
  }
}

function countOfMarkers(row: StoredRow | undefined): number {
  return row !== undefined && isMarker(row) ? 1 : 0;
}
