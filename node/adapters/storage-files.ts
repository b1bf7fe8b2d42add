import { join } from "node:path";

/** What lies in a data directory. */
export interface StorageFiles {
  /** The node's own keys. */
  readonly data: string;
  /** Keys kept for other owners. */
  readonly hints: string;
  /** Held by the process that uses the directory. */
  readonly lock: string;
  /** Space kept back, so that a full disk can still be checkpointed. */
  readonly ballast: string;
}

export function storageFiles(dataDir: string): StorageFiles {
  return {
    data: join(dataDir, "data.db"),
    hints: join(dataDir, "hints.db"),
    lock: join(dataDir, "lock.db"),
    ballast: join(dataDir, "ballast"),
  };
}

/** The write-ahead log beside a database. */
export function logOf(database: string): string {
  return `${database}-wal`;
}

/** Words of the memory that the writer and the checkpoint thread share: 1 asks the writer to restart that log. */
export const RESTART = { data: 0, hints: 1, words: 2 } as const;
