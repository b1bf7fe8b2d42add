import type { RowDigest } from "./merkle-store.ts";
import type { Stored } from "./replica-store.ts";

/** Rows of data.db that this node keeps without owning their partition, as far as they are to go. Promises never reject. */
export interface MisplacedStore {
  /**
   * Removes these rows, each only where its digest is still the one given: a row that was written meanwhile stays. So does one
   * that `isUnread` and that the writer can read: its page in the writer's memory may be sound where that on the disk is not. It is written
   * anew, so that it can be read. With a row
   * go its share of its leaf, of the number of tombstones, and a marker hint that speaks of it. Commands take effect in
   * the order in which they are given, so a record that is stored after this call is not removed by it. Resolves when it is on
   * stable storage.
   * @param rows at most ROWS_PER_DROP_MAX; none at all to wait for the commands before it
   */
  dropRows(rows: readonly DroppedRow[]): Promise<Stored>;
}

export interface DroppedRow extends RowDigest {
  /** No reader could read it, so that nobody was given what it says. */
  readonly isUnread?: boolean;
}

/** Some milliseconds of the writer's time where records are small; see transfer/drop-pace.ts. */
export const ROWS_PER_DROP_MAX = 256;
