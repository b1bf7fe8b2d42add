import Sqlite from "better-sqlite3";
import type { Database, StoredRow, StoreIdentity } from "../core/ports/database.ts";
import type { RowDigest } from "../core/ports/merkle-store.ts";
import { type ConnectionOptions, openConnection } from "./sqlite-connection.ts";
import { addTo, type RowCounts } from "../core/storage/row-counts.ts";
import { compareBytes } from "../core/version/record.ts";
import { SqliteIdentity } from "./sqlite-identity.ts";
import { SqliteTree } from "./sqlite-tree.ts";
import { toDatabaseFailure } from "./sqlite-failure.ts";
import { DROP_INDEXES, READ_DISPLACED, REBUILD_INDEXES } from "./sqlite-schema.ts";
import { MARKER, ownersOf, textOf, toDigests, toRow, toRows } from "./sqlite-row.ts";

/** One SQLite file behind the core's Database port. Statements are prepared once and bound by position. */
export class SqliteDatabase implements Database {
  readonly tree: SqliteTree;
  readonly #file: string;
  readonly #connection: Sqlite.Database;
  readonly #begin: Sqlite.Statement;
  readonly #commit: Sqlite.Statement;
  readonly #rollback: Sqlite.Statement;
  readonly #read: Sqlite.Statement;
  readonly #write: Sqlite.Statement;
  readonly #remove: Sqlite.Statement;
  readonly #scan: Sqlite.Statement;
  readonly #digests: Sqlite.Statement;
  readonly #eachDigest: Sqlite.Statement;
  readonly #count: Sqlite.Statement;
  readonly #usedBytes: Sqlite.Statement;
  readonly #identity: SqliteIdentity;
  /** Of the open transaction. */
  readonly #displaced: StoredRow[] = [];
  readonly #countKeptFor: Sqlite.Statement;
  readonly #nextKeptFor: Sqlite.Statement;
  readonly #positionsKeptFor: Sqlite.Statement;

  /** Throws DatabaseFailure. */
  constructor(options: ConnectionOptions) {
    const connection = openConnection(options);
    this.#file = options.path;
    this.#connection = connection;
    this.#begin = connection.prepare(options.role === "write" ? "BEGIN IMMEDIATE" : "BEGIN");
    this.#commit = connection.prepare("COMMIT");
    this.#rollback = connection.prepare("ROLLBACK");
    const columns = "position, digest, mine, kept_for, record";
    this.#read = connection.prepare(`SELECT ${columns} FROM record WHERE position = ?`).raw(true);
    this.#write = connection.prepare(
      `INSERT INTO record (${columns}) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (position) DO UPDATE SET digest = excluded.digest, mine = excluded.mine,
       kept_for = excluded.kept_for, record = excluded.record`,
    );
    this.#remove = connection.prepare("DELETE FROM record WHERE position = ?");
    this.#scan = connection
      .prepare(`SELECT ${columns} FROM record WHERE position > ? ORDER BY position LIMIT ?`)
      .raw(true);
    this.#digests = connection
      .prepare(
        `SELECT position, digest FROM record WHERE position > ? AND position < ? ORDER BY position LIMIT ?`,
      )
      .raw(true);
    // In the order of the file: by position each row would be a page read at random.
    this.#eachDigest = connection.prepare("SELECT position, digest FROM record ORDER BY id").raw(true);
    const hints = "record INDEXED BY record_kept_for WHERE kept_for <> ''";
    this.#countKeptFor = connection
      .prepare(`SELECT kept_for, count(*) FROM ${hints} GROUP BY kept_for`)
      .raw(true);
    this.#nextKeptFor = connection
      .prepare(`SELECT kept_for FROM ${hints} AND kept_for > ? ORDER BY kept_for LIMIT 1`)
      .pluck();
    this.#positionsKeptFor = connection
      .prepare(`SELECT position FROM ${hints} AND kept_for = ? AND position > ? ORDER BY position LIMIT ?`)
      .pluck();
    this.#identity = new SqliteIdentity(connection, options.path);
    this.#usedBytes = connection
      .prepare(
        `SELECT (page_count - freelist_count) * page_size
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
      )
      .pluck();
    this.#count = connection.prepare("SELECT count(*) FROM record INDEXED BY record_position").pluck();
    this.tree = new SqliteTree(connection, options.path);
  }

  begin(): void {
    this.#run(this.#begin);
  }

  commit(): void {
    this.#run(this.#commit);
  }

  /** SQLite rolls back by itself on some failures: without an open transaction there is nothing to do. */
  rollback(): void {
    this.#displaced.length = 0;
    if (this.#connection.inTransaction) this.#run(this.#rollback);
  }

  read(position: Uint8Array): StoredRow | undefined {
    try {
      const columns = this.#read.get(position) as unknown[] | undefined;
      return columns === undefined ? undefined : toRow(columns, position);
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  write({ position, digest, mine, keptFor, record }: StoredRow): void {
    this.#change(this.#write, position, digest, mine, textOf(keptFor, record), record);
  }

  remove(position: Uint8Array): void {
    this.#change(this.#remove, position);
  }

  scan(after: Uint8Array | undefined, limit: number): StoredRow[] {
    try {
      return toRows(this.#scan.all(after ?? beforeAll, limit) as unknown[][]);
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  /** Owners stand together in one column: a step through the index for each set of them that there is, and one look. */
  positionsKeptFor(owner: string, after: Uint8Array | undefined, limit: number): Uint8Array[] {
    const positions: Uint8Array[] = [];
    try {
      for (let set = this.#setAfter(""); set !== undefined; set = this.#setAfter(set)) {
        if (!isSetOf(ownersOf(set), owner)) continue;
        positions.push(...(this.#positionsKeptFor.all(set, after ?? beforeAll, limit) as Uint8Array[]));
      }
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
    return positions.sort(compareBytes).slice(0, limit);
  }

  digests(after: Uint8Array, before: Uint8Array, limit: number): RowDigest[] {
    try {
      return (this.#digests.all(after, before, limit) as unknown[][]).flatMap(toDigests);
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  eachDigest(visit: (position: Uint8Array, digest: Uint8Array) => void): void {
    try {
      for (const row of this.#eachDigest.iterate()) {
        for (const { position, digest } of toDigests(row as unknown[])) visit(position, digest);
      }
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  count(): number {
    try {
      return Number(this.#count.get());
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  rebuildIndexes(): void {
    try {
      this.#connection.exec(DROP_INDEXES);
      this.#displaced.push(
        ...toRows(this.#connection.prepare(READ_DISPLACED).raw(true).all() as unknown[][]),
      );
      this.#connection.exec(REBUILD_INDEXES);
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  takeDisplaced(): StoredRow[] {
    return this.#displaced.splice(0);
  }

  usedBytes(): number {
    try {
      return Number(this.#usedBytes.get());
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  identity(): StoreIdentity | undefined {
    return this.#identity.read();
  }

  writeIdentity(identity: StoreIdentity): void {
    this.#identity.write(identity);
  }

  /**
   * Markers, and for each owner how many rows are kept for it; reads the whole index of hints. Rows whose owners cannot
   * be read are in neither: a writer finds them with positionsKeptFor(""). */
  countKept(): Pick<RowCounts, "markers" | "hintsByOwner"> {
    const hintsByOwner = new Map<string, number>();
    let markers = 0;
    try {
      for (const [keptFor, count] of this.#countKeptFor.all() as [string, number][]) {
        if (keptFor.startsWith(MARKER)) markers += count;
        for (const owner of ownersOf(keptFor) ?? []) addTo(hintsByOwner, owner, count);
      }
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
    return { markers, hintsByOwner };
  }

  /**
   * Ends a checkpoint that another connection has nearly finished, so that the next commit starts the log from its
   * beginning again. Gives up after `waitMs` where a reader still needs the log.
   */
  restartLog(waitMs: number): void {
    try {
      const timeoutMs = Number(this.#connection.pragma("busy_timeout", { simple: true }));
      this.#connection.pragma(`busy_timeout = ${waitMs}`);
      this.#connection.pragma("wal_checkpoint(RESTART)");
      this.#connection.pragma(`busy_timeout = ${timeoutMs}`);
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  close(): void {
    this.#connection.close();
  }

  /**
   * A bit that rots in an index, or in a column of it: then the two disagree, and no such row can be changed or removed;
   * each attempt would fail its whole batch.
   */
  #change(statement: Sqlite.Statement, ...values: readonly unknown[]): void {
    try {
      statement.run(...values);
    } catch (error) {
      if (!isIndexDamaged(error)) throw toDatabaseFailure(error, this.#file);
      this.rebuildIndexes();
      this.#run(statement, ...values);
    }
  }

  #setAfter(set: string): string | undefined {
    return this.#nextKeptFor.get(set) as string | undefined;
  }

  #run(statement: Sqlite.Statement, ...parameters: unknown[]): void {
    try {
      statement.run(...parameters);
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }
}

/** The empty owner: sets that cannot be read. */
function isSetOf(owners: readonly string[] | undefined, owner: string): boolean {
  return owner === "" ? owners === undefined : owners?.includes(owner) === true;
}

function isIndexDamaged(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code === "SQLITE_CORRUPT_INDEX";
}

const beforeAll = new Uint8Array(0);
