import type { KeptIdentity } from "./store-identity.ts";
import type { RowDigest } from "./merkle-store.ts";
import type { TombstoneCount } from "./tombstone-store.ts";

/**
 * One SQLite file as the storage engine sees it. Synchronous on purpose: a read-merge-write can then not be
 * interleaved, and needs no lock. Methods throw `DatabaseFailure`; after any throw inside begin…commit the caller
 * must roll back.
 */
export interface Database {
  begin(): void;
  /** Returns only when the transaction is on stable storage (`synchronous=FULL`). */
  commit(): void;
  rollback(): void;
  read(position: Uint8Array): StoredRow | undefined;
  /**
   * The position that the row itself says to which the index leads from `position`: another one where the index rotted.
   * Undefined where there is no row, or it says none.
   */
  positionInRow(position: Uint8Array): Uint8Array | undefined;
  /** Inserts the row or replaces the one at its position. */
  write(row: StoredRow): void;
  remove(position: Uint8Array): void;
  /** Rows with position > `after` (from the start where undefined), ascending, at most `limit`. */
  scan(after: Uint8Array | undefined, limit: number): StoredRow[];
  /**
   * Positions > `after` (from the start where undefined) of the rows kept for `owner`, ascending, at most `limit`.
   * Its cost is that of what it returns, however many rows there are. The empty owner: those whose owners a disk has
   * spoilt, so that nobody can tell whom they are kept for.
   */
  positionsKeptFor(owner: string, after: Uint8Array | undefined, limit: number): Uint8Array[];
  /**
   * Positions and digests of the rows with after < position < before, ascending, at most `limit`. A bound may be
   * shorter or longer than a position: bytes compare in order, and a prefix comes before what it is a prefix of.
   */
  digests(after: Uint8Array, before: Uint8Array, limit: number): RowDigest[];
  /** Calls `visit` with position and digest of every row, in whatever order is cheapest. */
  eachDigest(visit: (position: Uint8Array, digest: Uint8Array) => void): void;
  count(): number;
  /**
   * Markers, and for each owner how many rows are kept for it; reads the whole index of owners. Rows whose owners cannot be
   * read are in neither: a writer finds them with positionsKeptFor("").
   */
  countKept(): Omit<HintCounts, "hints">;
  /**
   * Makes the indexes anew from the rows, within a transaction: where a bit of one rotted, rows lie where nobody looks. It
   * happens by itself where a write meets such an index, and in the transaction after one that found the file damaged. Of rows that are then at one place the one that was written last
   * stays, and the others wait to be taken.
   */
  rebuildIndexes(): void;
  /** From now on pages are read from the disk again: what is in memory may be sound where the disk is not. */
  forgetPages(): void;
  /** What rebuildIndexes did in this transaction, told once; undefined where no index was made anew. */
  takeRebuilt(): RebuiltIndexes | undefined;
  /** Bytes of the file that are in use; what is free inside it does not count. Includes what is not committed yet. */
  usedBytes(): number;
  /** What the file says of itself; undefined where nobody ever wrote it (storage/store-life.ts). */
  identity(): StoreIdentity | undefined;
  /** Within a transaction, as rows are. */
  writeIdentity(identity: StoreIdentity): void;
  /** The Merkle tree over the rows (merkle/tree-writer.ts): part of the same transactions, empty in hints.db. */
  readonly tree: TreeTables;
}

/** Rows of hints.db. */
export interface HintCounts {
  readonly hints: number;
  /** Those of them that are markers (storage/marker-hint.ts). */
  readonly markers: number;
  /** Rows of hints.db by the owner they wait for; one row may wait for several. Owners with 0 are left out. */
  readonly hintsByOwner: ReadonlyMap<string, number>;
}

export interface RebuiltIndexes {
  /** The rows that found their place taken. */
  readonly displaced: readonly StoredRow[];
}

export interface StoreIdentity extends KeptIdentity {
  /** Commits so far that changed anything. */
  readonly sequence: number;
  /** In data.db, until its node has said what the file is worth (OpenedStore); else left out. */
  readonly isNew?: boolean | undefined;
  /** In data.db: how far hints.db had come at least (storage/hints-life.ts). */
  readonly hints?: HintsPoint | undefined;
  /** In data.db (storage/tombstone-counter.ts); undefined where a build wrote it that did not count. */
  readonly tombstones?: TombstoneCount | undefined;
}

export interface HintsPoint {
  readonly storeId: string;
  readonly sequence: number;
}

/** Two small tables of the same file. What is in them and why: merkle/tree-writer.ts. */
export interface TreeTables {
  block(block: number): TreeBlock | undefined;
  /** Every block that there is without its leaves, ascending. */
  heads(): TreeBlockHead[];
  writeBlock(block: TreeBlock): void;
  /** Changes with seq > `after`, ascending. */
  changes(after: number): TreeChanges[];
  /** Inserts the changes or replaces those of the same number. */
  writeChanges(changes: TreeChanges): void;
  /** Removes those with seq <= `through`. */
  dropChanges(through: number): void;
}

export interface TreeBlockHead {
  readonly block: number;
  /** The block contains all changes up to this number, and none beyond. */
  readonly through: number;
  /** Rows in the block's range of positions. */
  readonly keys: number;
  /** XOR of the block's leaves, 16 bytes. */
  readonly root: Uint8Array;
}

export interface TreeBlock extends TreeBlockHead {
  /** Packed leaves (merkle/leaf-block.ts), the caller's own to change. */
  readonly leaves: Uint8Array;
}

export interface TreeChanges {
  readonly seq: number;
  /** Packed changes (merkle/leaf-changes.ts). */
  readonly changes: Uint8Array;
}

/** Stands for the record of a row of which some column cannot be read: no record is that short, and none that empty. */
export const UNREADABLE_RECORD = new Uint8Array(1);

export interface StoredRow {
  /** MD5 of bucket and key, 16 bytes: the row's place on the ring. */
  readonly position: Uint8Array;
  /** Encoded record (version/record-codec.ts). */
  readonly record: Uint8Array;
  /** MD5 of `record`: checked at every read, compared between replicas, folded into Merkle leaves. */
  readonly digest: Uint8Array;
  /**
   * The actor under which this process last coordinated this row (version/actor.ts), or empty. Local: never
   * replicated. It is what lets the counter go on.
   */
  readonly mine: Uint8Array;
  /** The owners a stand-in keeps this row for, sorted; empty in data.db. */
  readonly keptFor: readonly string[];
}

/** "damaged": what is on the disk cannot be right. Other places of the same file may be sound. */
export type DatabaseFailureCode = "disk_full" | "io_error" | "damaged" | "schema_newer" | "not_writable";

export class DatabaseFailure extends Error {
  readonly code: DatabaseFailureCode;
  constructor(code: DatabaseFailureCode, message: string) {
    super(message);
    this.name = "DatabaseFailure";
    this.code = code;
  }
}
