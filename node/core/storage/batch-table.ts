import type { Database, HintCounts, StoredRow } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import { isAstray, refileRow, refileRows, withDisplaced } from "./refile-rows.ts";
import { isUnreadableHint } from "./row-check.ts";
import { isMarker } from "./marker-hint.ts";
import { addTo } from "./row-counts.ts";
import type { RowWatch } from "./row-watch.ts";
import { boundOf, leafOf } from "../merkle/leaf.ts";
import { LEAF_COUNT } from "../ports/merkle-store.ts";
import type { TombstoneCounter } from "./tombstone-counter.ts";
import type { TreeWriter } from "../merkle/tree-writer.ts";

/** One database within one batch: its transaction, begun at the first touch, and how its rows change in it. */
export class BatchTable {
  readonly database: Database;
  touched = false;
  /** Whether there is anything to commit. */
  changed = false;
  /** Rows that failed their check. */
  rowsCorrupt = 0;
  /** Rows that no command named may be read otherwise than before. */
  areRowsRestored = false;
  rowsAdded = 0;
  markersAdded = 0;
  /** By owner; below 0 where more are forgotten than kept. */
  readonly hintsAdded = new Map<string, number>();
  /** Rows that found their place taken when the indexes were made anew; undefined where they were not. */
  rowsDisplaced: number | undefined;
  /** Where what rotted cannot be followed: rows at the end of the batch, and in hints.db whom they are kept for. */
  counted: { readonly rows: number; readonly kept: HintCounts | undefined } | undefined;
  #mustCount = false;

  /** Undefined where the rows are in no tree. */
  readonly #tree: TreeWriter | undefined;
  /** Undefined where nobody counts them. */
  readonly #tombstones: TombstoneCounter | undefined;
  readonly #watch: RowWatch | undefined;

  constructor(
    database: Database,
    followers: { tree?: TreeWriter; tombstones?: TombstoneCounter; watch?: RowWatch } = {},
  ) {
    this.database = database;
    this.#tree = followers.tree;
    this.#tombstones = followers.tombstones;
    this.#watch = followers.watch;
  }

  read(position: Uint8Array): StoredRow | undefined {
    this.#touch();
    return this.database.read(position);
  }

  /** The row failed its check: the digest that stands beside it may not be the one that went into its leaf. */
  foundCorrupt({ position }: StoredRow): void {
    this.rowsCorrupt += 1;
    this.#tombstones?.doubt();
    this.#tree?.doubt(leafOf(position));
  }

  /** A change that is not one of its rows. */
  change(): void {
    this.#touch();
    this.changed = true;
  }

  /** As `read`; but never another key's row, to which an index leads whose entry rotted. */
  readOwn(position: Uint8Array, hash: Digester): StoredRow | undefined {
    const row = this.read(position);
    if (row === undefined || !isAstray(row, this.database, hash)) return row;
    this.rebuildIndexes();
    const found = this.database.read(position);
    if (found === undefined || !isAstray(found, this.database, hash)) return found;
    refileRow(this.database, found, hash);
    return this.database.read(position);
  }

  rebuildIndexes(): void {
    this.change();
    this.database.rebuildIndexes();
  }

  rebuildLeaves(leaves: readonly number[], hash: Digester): void {
    this.change();
    // Readers found what is not as it should be on the disk.
    this.database.forgetPages();
    const refiled = refileRows(this.database, leaves, hash);
    if (refiled.length > 0) {
      this.areRowsRestored = true;
      this.#watch?.forget();
      this.#tombstones?.doubt();
    }
    for (const leaf of [...leaves, ...refiled]) this.#tree?.rebuild(leaf);
  }

  /** Throws what the database throws where it meets damage, upon which it mends what can be in its next transaction. */
  reread(leaf: number): void {
    this.#touch();
    this.database.forgetPages();
    this.database.digests(boundOf(leaf), boundOf(LEAF_COUNT), ROWS_REREAD);
  }

  addTombstones(position: Uint8Array, change: number): void {
    this.#tombstones?.add(position, change);
  }

  /** Some rows of a count of all that are in doubt; see tombstone-counter.ts. */
  countTombstones(hash: Digester): void {
    this.#touch();
    if (this.#tombstones?.step(hash) === true) this.changed = true;
  }

  /** To be called after the last change and before the commit. */
  flush(hash: Digester): void {
    if (!this.touched) return;
    const rebuilt = this.database.takeRebuilt();
    if (rebuilt !== undefined) {
      // Also where no command changed anything: the doubt is to be kept.
      this.changed = true;
      // Also rows that were not displaced may have been hidden, and written again or merged.
      this.#tombstones?.doubt();
      this.areRowsRestored = true;
      this.#watch?.forget();
      for (const displaced of rebuilt.displaced) this.#putBack(displaced, hash);
      this.rowsDisplaced = rebuilt.displaced.length;
      this.#mustCount = true;
    }
    if (this.#tree?.flush() === true) this.#tombstones?.doubt();
    if (this.#mustCount) this.counted = this.#countAll();
  }

  commit(): void {
    if (this.touched) this.database.commit();
  }

  rollback(): void {
    if (this.touched) this.database.rollback();
    this.#tree?.forget();
  }

  /**
   * Puts `after` in the place of `before`, the row as it was read; without one `before` is removed.
   * @param rewrite in full: else a database may leave alone what is equal to what it has in memory
   */
  replace(before: StoredRow | undefined, after: StoredRow | undefined, rewrite = false): void {
    this.changed = true;
    if (this.#tree === undefined && before !== undefined && isUnreadableHint(before)) this.#mustCount = true;
    // Of a hint's row, which a read merges into this node's own.
    if (rewrite) this.areRowsRestored = true;
    if (rewrite && before !== undefined) this.database.remove(before.position);
    if (after !== undefined) this.database.write(after);
    else if (before !== undefined) this.database.remove(before.position);
    this.rowsAdded += Number(after !== undefined) - Number(before !== undefined);
    this.markersAdded += countOfMarkers(after) - countOfMarkers(before);
    for (const owner of after?.keptFor ?? []) addTo(this.hintsAdded, owner, 1);
    for (const owner of before?.keptFor ?? []) addTo(this.hintsAdded, owner, -1);
    const position = (after ?? before)?.position;
    if (position === undefined) return;
    this.#tree?.replaced(position, before?.digest, after?.digest);
    this.#watch?.changed(position);
  }

  /** Its leaf has its digest. */
  #putBack(displaced: StoredRow, hash: Digester): void {
    const { position } = displaced;
    const before = this.database.read(position);
    const after = withDisplaced(before, displaced, hash);
    this.#tree?.doubt(leafOf(position));
    if (after !== undefined) this.replace(before, after);
  }

  /** Reads a whole index: for batches that met rot, after which a count that is followed is not right any more. */
  #countAll(): NonNullable<BatchTable["counted"]> {
    const rows = this.database.count();
    return {
      rows,
      kept: this.#tree === undefined ? { hints: rows, ...this.database.countKept() } : undefined,
    };
  }

  #touch(): void {
    if (this.touched) return;
    this.database.begin();
    this.touched = true;
    this.#tree?.begin();
  }
}

/** More than one step of the scrub reads (antientropy/scrub.ts), and the rows of its first leaf before them. */
const ROWS_REREAD = 1_024;

function countOfMarkers(row: StoredRow | undefined): number {
  return row !== undefined && isMarker(row) ? 1 : 0;
}
