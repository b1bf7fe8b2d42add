import Sqlite from "better-sqlite3";
import { DatabaseFailure } from "../core/ports/database.ts";
import { toDatabaseFailure } from "./sqlite-failure.ts";

/**
 * One process per data directory: a tiny SQLite file held in an exclusive transaction for as long as the process
 * lives. The kernel lets go of the lock when the process dies, however it dies; there is no stale lock to clean up.
 * Two processes on one directory would each believe that its counters are the only ones.
 */
export class StorageLock {
  readonly #connection: Sqlite.Database;

  /** Throws DatabaseFailure not_writable where another process holds the directory. */
  constructor(path: string) {
    const connection = openLock(path);
    try {
      connection.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      connection.close();
      const busy = error instanceof Sqlite.SqliteError && error.code.startsWith("SQLITE_BUSY");
      if (!busy) throw toDatabaseFailure(error, path);
      const advice = "stop it first, or give this node a data directory of its own";
      throw new DatabaseFailure(
        "not_writable",
        `another process uses this data directory (${path} is locked): ${advice}`,
      );
    }
    this.#connection = connection;
  }

  release(): void {
    this.#connection.close();
  }
}

function openLock(path: string): Sqlite.Database {
  try {
    return new Sqlite(path, { timeout: 0 });
  } catch (error) {
    throw toDatabaseFailure(error, path);
  }
}
