import type { Database, StoredRow } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import { noTombstones, type TombstoneCount } from "../ports/tombstone-store.ts";
import { boundOf } from "../merkle/leaf.ts";
import { LEAF_COUNT } from "../ports/merkle-store.ts";
import { compareBytes, isTombstone } from "../version/record.ts";
import { checkRow } from "./row-check.ts";

/**
 * The number of tombstones in data.db. The writer has the record before and after each write in hand, so it adds up
 * what changes, and each commit keeps the sum in a row that it writes anyway (store-life.ts): it costs no read, and a
 * crash leaves sum and rows of one transaction.
 *
 * What a disk does to rows behind the writer's back is in no sum. Wherever such a row, or a leaf that is wrong for it,
 * is met, the sum is in doubt, and all rows are counted again, some at a time between the batches.
 *
 * Invariant of such a count: `found` is how many there are among the rows up to `through`, now. Writes up to there change
 * it, the others are met later.
 */
export class TombstoneCounter {
  readonly #database: Database;
  #kept: TombstoneCount;
  /** With what the open transaction changes. */
  #count: number;
  #inDoubt: boolean;
  #recount: { through: Uint8Array; found: number } | undefined;

  /**
   * @param kept what data.db says; undefined where it is new, or was last written by a build that did not count. Throws
   * DatabaseFailure.
   */
  constructor(database: Database, kept: TombstoneCount | undefined) {
    this.#database = database;
    this.#kept = kept ?? { ...noTombstones, inDoubt: database.digests(start, end, 1).length > 0 };
    this.#count = this.#kept.count;
    this.#inDoubt = this.#kept.inDoubt;
  }

  /** As it was committed last. */
  get kept(): TombstoneCount {
    return this.#kept;
  }

  /** With what the open transaction changes: for its commit. */
  get now(): TombstoneCount {
    return { count: this.#count, inDoubt: this.#inDoubt };
  }

  /** A write to the row at `position` made so many tombstones more. */
  add(position: Uint8Array, change: number): void {
    if (change === 0) return;
    // Below 0 only in doubt: those of a build that did not count.
    this.#count = Math.max(0, this.#count + change);
    const recount = this.#recount;
    if (recount !== undefined && compareBytes(position, recount.through) <= 0) recount.found += change;
  }

  /** Rows may have changed that no write changed. */
  doubt(): void {
    this.#inDoubt = true;
    this.#recount = undefined;
  }

  /**
   * Counts on by some milliseconds. To be called in a transaction. True where this was the last step of a count, whose
   * result wants to be committed.
   */
  step(hash: Digester): boolean {
    if (!this.#inDoubt) return false;
    const recount = (this.#recount ??= { through: start, found: 0 });
    const rows = this.#database.digests(recount.through, end, ROWS_PER_STEP);
    let bytes = 0;
    let rowsRead = 0;
    for (const { position } of rows) {
      if (bytes > BYTES_PER_STEP) break;
      const row = this.#database.read(position);
      rowsRead += 1;
      recount.through = position;
      if (row === undefined) continue;
      bytes += row.record.length;
      if (isSoundTombstone(row, hash)) recount.found += 1;
    }
    if (rowsRead < rows.length || rows.length === ROWS_PER_STEP) return false;
    this.#count = recount.found;
    this.#inDoubt = false;
    this.#recount = undefined;
    return true;
  }

  committed(): void {
    const { count, inDoubt } = this.#kept;
    if (count !== this.#count || inDoubt !== this.#inDoubt) this.#kept = this.now;
  }

  /** The transaction was rolled back: what it counted is not there. A doubt stays. */
  failed(): void {
    this.#count = this.#kept.count;
    this.#inDoubt ||= this.#kept.inDoubt;
    this.#recount = undefined;
  }
}

/** Rows lie anywhere in the file: on a disk that is slow to seek this is what a put may have to wait for. */
const ROWS_PER_STEP = 64;
/** A step ends with the row that exceeds this. */
const BYTES_PER_STEP = 1024 * 1024;

const start = new Uint8Array(0);
const end = boundOf(LEAF_COUNT);

/** A row that rotted is none: nobody is told that its key was deleted. */
function isSoundTombstone(row: StoredRow, hash: Digester): boolean {
  const checked = checkRow(row, hash);
  return checked.state === "sound" && isTombstone(checked.record);
}
