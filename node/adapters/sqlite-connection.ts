import Sqlite from "better-sqlite3";
import { DatabaseFailure } from "../core/ports/database.ts";
import { checkSchema, prepareSchema } from "./sqlite-schema.ts";
import { toDatabaseFailure } from "./sqlite-failure.ts";

/**
 * Opens one SQLite file the only way it may be opened. `synchronous` is set and read back each time: it is a property
 * of the connection, not of the file, and this build of SQLite reopens a WAL file with NORMAL, which loses
 * acknowledged commits at power loss. Nobody checkpoints on commit: the checkpoint thread does.
 */
export interface ConnectionOptions {
  readonly path: string;
  /** "write" creates the file where it is missing; the others need it. */
  readonly role: "write" | "read" | "checkpoint";
  readonly cacheBytes: number;
  /**
   * The file is one that shrinks (Checkpointer): pages that it needs no more can go back to the volume. Decided where the
   * file is created; without effect on one that is there.
   */
  readonly shrinks?: boolean;
  /** A quota: the file never grows beyond it, writes fail as on a full disk. Unlimited where undefined. */
  readonly fileBytesMax?: number | undefined;
}

const FULL = 2;
/** How long a connection waits for another one's lock: a checkpoint's last step or a reader's last page. */
const BUSY_TIMEOUT_MS = 5_000;

/** Throws DatabaseFailure. */
export function openConnection(options: ConnectionOptions): Sqlite.Database {
  const { path, role } = options;
  let connection: Sqlite.Database | undefined;
  try {
    const mayCreate = role === "write";
    connection = new Sqlite(path, {
      readonly: role === "read",
      fileMustExist: !mayCreate,
      timeout: BUSY_TIMEOUT_MS,
    });
    configure(connection, options);
    return connection;
  } catch (error) {
    connection?.close();
    throw toDatabaseFailure(error, path);
  }
}

function configure(
  connection: Sqlite.Database,
  { path, role, cacheBytes, fileBytesMax, shrinks = false }: ConnectionOptions,
): void {
  // Before the journal mode, which writes the first page.
  if (role === "write" && shrinks && isNew(connection)) connection.pragma("auto_vacuum = INCREMENTAL");
  if (role === "write") connection.pragma("journal_mode = WAL");
  const journal = connection.pragma("journal_mode", { simple: true });
  if (journal !== "wal")
    throw new DatabaseFailure("not_writable", `${path} has journal mode ${String(journal)}, not wal`);
  connection.pragma("synchronous = FULL");
  const synchronous = connection.pragma("synchronous", { simple: true });
  if (synchronous !== FULL) {
    throw new DatabaseFailure(
      "not_writable",
      `${path} runs with synchronous=${String(synchronous)}, not FULL (2)`,
    );
  }
  connection.pragma("wal_autocheckpoint = 0");
  connection.pragma(`cache_size = -${Math.ceil(cacheBytes / 1024)}`);
  if (role === "write") prepareSchema(connection, path);
  else checkSchema(connection, path);
  if (fileBytesMax === undefined) return;
  const pageBytes = Number(connection.pragma("page_size", { simple: true }));
  connection.pragma(`max_page_count = ${Math.max(1, Math.floor(fileBytesMax / pageBytes))}`);
}

function isNew(connection: Sqlite.Database): boolean {
  return connection.pragma("page_count", { simple: true }) === 0;
}
