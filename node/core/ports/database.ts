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
  /** Inserts the row or replaces the one at its position. */
  write(row: StoredRow): void;
  remove(position: Uint8Array): void;
  /** Rows with position > `after` (from the start where undefined), ascending, at most `limit`. */
  scan(after: Uint8Array | undefined, limit: number): StoredRow[];
  /**
   * Positions > `after` (from the start where undefined) of the rows kept for `owner`, ascending, at most `limit`.
   * Its cost is that of what it returns, however many rows there are.
   */
  positionsKeptFor(owner: string, after: Uint8Array | undefined, limit: number): Uint8Array[];
  count(): number;
}

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

export type DatabaseFailureCode = "disk_full" | "io_error" | "schema_newer" | "not_writable";

export class DatabaseFailure extends Error {
  readonly code: DatabaseFailureCode;
  constructor(code: DatabaseFailureCode, message: string) {
    super(message);
    this.name = "DatabaseFailure";
    this.code = code;
  }
}
