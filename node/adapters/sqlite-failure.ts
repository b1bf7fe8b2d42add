import { basename } from "node:path";
import Sqlite from "better-sqlite3";
import { DatabaseFailure, type DatabaseFailureCode } from "../core/ports/database.ts";

/**
 * SQLite's errors in the core's words. The message names the file and what to do, because it is what the person on
 * call reads. Errors that are not SQLite's are bugs and pass through as they are.
 */
export function toDatabaseFailure(error: unknown, file: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  const code = codeOf(error.code);
  const advice = code === "damaged" ? adviceOfDamage(file) : ADVICE[code];
  return new DatabaseFailure(code, `${file}: ${error.message} (${error.code}). ${advice}`);
}

/** Where SQLite sees nothing wrong, but what it reads cannot have been written. */
export function damagedFile(file: string, what: string): DatabaseFailure {
  return new DatabaseFailure("damaged", `${file}: ${what} cannot be read. ${adviceOfDamage(file)}`);
}

/** Whether it is SQLite's word for pages that contradict one another: no later look will find them otherwise. */
export function isDamage(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && isDamaged(error.code);
}

function isDamaged(code: string): boolean {
  return code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
}

const DAMAGED =
  "The file itself is damaged: stop this node, delete the file with its -wal and -shm, and start it again. It gets back " +
  "what other owners have; keep a copy of the file until it has. Then look after the disk.";

/** Of hints.db other owners have no copy. */
const DAMAGED_HINTS =
  "The file itself is damaged: stop this node, move the file with its -wal and -shm away (keep them: it may hold the only " +
  "copy of writes for owners that are away), and start it again. What it kept for them is then lost here; the owners " +
  "compare what they have with each other. Then look after the disk.";

function adviceOfDamage(file: string): string {
  return basename(file) === "hints.db" ? DAMAGED_HINTS : DAMAGED;
}

const ADVICE: Readonly<Record<Exclude<DatabaseFailureCode, "damaged">, string>> = {
  disk_full: "Free space on this volume or enlarge it; until then this node refuses writes and serves reads.",
  io_error: "Look for errors of the disk in the kernel's log; if they persist, replace the volume.",
  schema_newer: "Run the version of DynamoKV that wrote this file, or a later one.",
  not_writable: "Check the owner and the mode of the data directory, and that no other process uses it.",
};

function codeOf(code: string): DatabaseFailureCode {
  if (code === "SQLITE_FULL") return "disk_full";
  if (isDamaged(code)) return "damaged";
  const primary = code.split("_", 2).join("_");
  const refused = ["SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_BUSY", "SQLITE_LOCKED"];
  return refused.includes(primary) ? "not_writable" : "io_error";
}
