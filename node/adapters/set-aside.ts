import {
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  renameSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { logOf, storageFiles } from "./storage-files.ts";

/**
 * Copies that were given up (node/core/ring/change/departed.ts): data.db and hints.db are moved into a directory of their own
 * beside node.json, so that nobody serves them and a person can still look. Nothing here ever removes one.
 */
export interface SetAside {
  readonly directories: readonly string[];
  readonly bytes: number;
}

const PREFIX = "set-aside-";

/**
 * To be called while nobody has the databases open. Returns the directory. A crash in between leaves some of the files where
 * they were, each database with or without its log, never a log without its database: they are put aside the next time.
 *
 * @param now ISO 8601. Throws what the file system throws.
 */
export function setCopiesAside(dataDirectory: string, now: string): string {
  const directory = join(dataDirectory, PREFIX + now.replaceAll(":", "-"));
  mkdirSync(directory, { recursive: true });
  const { data, hints } = storageFiles(dataDirectory);
  // The log first: one that is left alone would be read into the next database.
  const files = [data, hints].flatMap((database) => [`${database}-shm`, logOf(database), database]);
  for (const file of files) if (existsSync(file)) renameSync(file, join(directory, basename(file)));
  for (const folder of [directory, dataDirectory]) syncDirectory(folder);
  return directory;
}

/** What lies there, not to be asked for often. */
export function setAsideIn(dataDirectory: string): SetAside {
  // A person may have packed one of them into a file beside it.
  const directories = readdirSync(dataDirectory, { withFileTypes: true })
    .filter((entry) => entry.name.startsWith(PREFIX) && entry.isDirectory())
    .map(({ name }) => name)
    .sort();
  const files = directories.flatMap((name) =>
    readdirSync(join(dataDirectory, name)).map((file) => join(dataDirectory, name, file)),
  );
  // So may one be removed meanwhile.
  const sizes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  return { directories, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
