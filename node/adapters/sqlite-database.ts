import Sqlite from "better-sqlite3";
import {
  type Database,
  DatabaseFailure,
  type HintCounts,
  type RebuiltIndexes,
  type StoredRow,
  type StoreIdentity,
} from "../core/ports/database.ts";
import type { RowDigest } from "../core/ports/merkle-store.ts";
import { type ConnectionOptions, openConnection } from "./sqlite-connection.ts";
import { addTo } from "../core/storage/row-counts.ts";
import { compareBytes } from "../core/version/record.ts";
import { SqliteIdentity } from "./sqlite-identity.ts";
import { SqliteTree } from "./sqlite-tree.ts";
import { damagedFile, isDamage, toDatabaseFailure } from "./sqlite-failure.ts";
import { DROP_INDEXES, READ_DISPLACED, REBUILD_INDEXES } from "./sqlite-schema.ts";
import {
  isPosition,
  MARKER,
  ownersOf,
  textOf,
  toDigests,
  toRow,
  toRows,
  unreadableRow,
} from "./sqlite-row.ts";

/** One SQLite file behind the core's Database port. Statements are prepared once and bound by position. */
export class SqliteDatabase implements Database {
  readonly tree: SqliteTree;
  readonly #file: string;
  readonly #connection: Sqlite.Database;
  readonly #begin: Sqlite.Statement;
  readonly #commit: Sqlite.Statement;
  readonly #rollback: Sqlite.Statement;
  readonly #read: Sqlite.Statement;
  readonly #positionInRow: Sqlite.Statement;
  readonly #write: Sqlite.Statement;
  readonly #remove: Sqlite.Statement;
  readonly #scan: Sqlite.Statement;
  readonly #digests: Sqlite.Statement;
  readonly #eachDigest: Sqlite.Statement;
  readonly #count: Sqlite.Statement;
  readonly #usedBytes: Sqlite.Statement;
  readonly #identity: SqliteIdentity;
  readonly #isWriter: boolean;
  /** Damage was met: most often an index has it, so that they are made anew in the next transaction. */
  #areIndexesSuspect = false;
  /** They were made anew to no avail: rows are damaged as well, and each further attempt would read all of them. */
  #isBeyondRebuilding = false;
  /** By the open transaction. */
  #displaced: StoredRow[] | undefined;
  readonly #countKeptFor: Sqlite.Statement;
  readonly #nextKeptFor: Sqlite.Statement;
  readonly #positionsKeptFor: Sqlite.Statement;

  /** Throws DatabaseFailure. */
  constructor(options: ConnectionOptions) {
    const connection = openConnection(options);
    this.#file = options.path;
    this.#isWriter = options.role === "write";
    this.#connection = connection;
    this.#begin = connection.prepare(options.role === "write" ? "BEGIN IMMEDIATE" : "BEGIN");
    // What met a damaged page cannot be committed, and a reader has nothing to commit.
    this.#commit = connection.prepare(options.role === "write" ? "COMMIT" : "ROLLBACK");
    this.#rollback = connection.prepare("ROLLBACK");
    const columns = "position, digest, mine, kept_for, record";
    this.#read = connection.prepare(`SELECT ${columns} FROM record WHERE position = ?`).raw(true);
    // By the number of the row: a look through the index would be answered from the index.
    this.#positionInRow = connection
      .prepare("SELECT position FROM record WHERE id = (SELECT id FROM record WHERE position = ?)")
      .pluck();
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
    if (!this.#areIndexesSuspect) return;
    this.#areIndexesSuspect = false;
    try {
      this.rebuildIndexes();
    } catch (error) {
      this.rollback();
      if (!(error instanceof DatabaseFailure)) throw error;
      this.#isBeyondRebuilding = true;
      this.#run(this.#begin);
    }
  }

  commit(): void {
    this.#run(this.#commit);
  }

  /** SQLite rolls back by itself on some failures: without an open transaction there is nothing to do. */
  rollback(): void {
    this.#displaced = undefined;
    if (this.#connection.inTransaction) this.#run(this.#rollback);
  }

  /** A reader gets a row that fails its check where the file is damaged: others of the same message must not wait for it. */
  read(position: Uint8Array): StoredRow | undefined {
    try {
      const columns = this.#read.get(position) as unknown[] | undefined;
      return columns === undefined ? undefined : toRow(columns, position);
    } catch (error) {
      if (!this.#isWriter && isDamage(error)) return unreadableRow(position);
      throw this.#failureOf(error);
    }
  }

  positionInRow(position: Uint8Array): Uint8Array | undefined {
    try {
      const found = this.#positionInRow.get(position);
      return isPosition(found) ? found : undefined;
    } catch (error) {
      throw this.#failureOf(error);
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
      throw this.#failureOf(error);
    }
  }

  /** Owners stand together in one column: a step through the index for each set of them that there is, and one look. */
  positionsKeptFor(owner: string, after: Uint8Array | undefined, limit: number): Uint8Array[] {
    const positions: Uint8Array[] = [];
    const seen = new Set<unknown>();
    try {
      for (let set = this.#setAfter(""); set !== undefined; set = this.#setAfter(set)) {
        // Else it never ends where the order of the index rotted.
        if (typeof set !== "string" || seen.has(set)) throw this.#ownersDamaged();
        seen.add(set);
        if (!isSetOf(ownersOf(set), owner)) continue;
        const found = this.#positionsKeptFor.all(set, after ?? beforeAll, limit);
        if (!found.every(isPosition)) throw this.#ownersDamaged();
        positions.push(...found);
      }
    } catch (error) {
      throw this.#failureOf(error);
    }
    return positions.sort(compareBytes).slice(0, limit);
  }

  digests(after: Uint8Array, before: Uint8Array, limit: number): RowDigest[] {
    try {
      return (this.#digests.all(after, before, limit) as unknown[][]).flatMap(toDigests);
    } catch (error) {
      throw this.#failureOf(error);
    }
  }

  eachDigest(visit: (position: Uint8Array, digest: Uint8Array) => void): void {
    try {
      for (const row of this.#eachDigest.iterate()) {
        for (const { position, digest } of toDigests(row as unknown[])) visit(position, digest);
      }
    } catch (error) {
      throw this.#failureOf(error);
    }
  }

  count(): number {
    try {
      return Number(this.#count.get());
    } catch (error) {
      throw this.#failureOf(error);
    }
  }

  rebuildIndexes(): void {
    try {
      this.#connection.exec(DROP_INDEXES);
      const displaced = toRows(this.#connection.prepare(READ_DISPLACED).raw(true).all() as unknown[][]);
      this.#displaced = [...(this.#displaced ?? []), ...displaced];
      this.#connection.exec(REBUILD_INDEXES);
    } catch (error) {
      throw toDatabaseFailure(error, this.#file);
    }
  }

  forgetPages(): void {
    this.#connection.pragma("shrink_memory");
  }

  takeRebuilt(): RebuiltIndexes | undefined {
    const displaced = this.#displaced;
    this.#displaced = undefined;
    return displaced === undefined ? undefined : { displaced };
  }

  usedBytes(): number {
    try {
      return Number(this.#usedBytes.get());
    } catch (error) {
      throw this.#failureOf(error);
    }
  }

  identity(): StoreIdentity | undefined {
    return this.#identity.read();
  }

  writeIdentity(identity: StoreIdentity): void {
    this.#identity.write(identity);
  }

  countKept(): Omit<HintCounts, "hints"> {
    const hintsByOwner = new Map<string, number>();
    let markers = 0;
    try {
      for (const [keptFor, count] of this.#countKeptFor.all() as [unknown, number][]) {
        if (typeof keptFor !== "string") continue;
        if (keptFor.startsWith(MARKER)) markers += count;
        for (const owner of ownersOf(keptFor) ?? []) addTo(hintsByOwner, owner, count);
      }
    } catch (error) {
      throw this.#failureOf(error);
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
      throw this.#failureOf(error);
    }
  }

  close(): void {
    this.#connection.close();
  }

  /**
   * A bit that rots in an index, or in a column of it: then the two disagree, and no such row can be changed or removed;
   * each attempt would fail.
   */
  #change(statement: Sqlite.Statement, ...values: readonly unknown[]): void {
    try {
      statement.run(...values);
    } catch (error) {
      if (!isIndexDamaged(error) || this.#isBeyondRebuilding) throw this.#failureOf(error);
      this.rebuildIndexes();
      this.#run(statement, ...values);
    }
  }

  /** After SQLITE_CORRUPT a transaction can write no more: what it was about can only be done by the next one. */
  #failureOf(error: unknown): unknown {
    if (isDamage(error)) {
      if (this.#displaced !== undefined) this.#isBeyondRebuilding = true;
      this.#areIndexesSuspect = this.#isWriter && !this.#isBeyondRebuilding;
    }
    return toDatabaseFailure(error, this.#file);
  }

  #setAfter(set: string): unknown {
    return this.#nextKeptFor.get(set);
  }

  #ownersDamaged(): DatabaseFailure {
    return damagedFile(this.#file, "the index of owners");
  }

  #run(statement: Sqlite.Statement, ...parameters: unknown[]): void {
    try {
      statement.run(...parameters);
    } catch (error) {
      throw this.#failureOf(error);
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
