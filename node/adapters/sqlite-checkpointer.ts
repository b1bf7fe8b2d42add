import type Sqlite from "better-sqlite3";
import { openConnection } from "./sqlite-connection.ts";

/**
 * Moves pages from one write-ahead log into its database, beside the writer. A passive checkpoint blocks nobody but
 * never lets the log begin anew while the writer keeps appending; so when little is left to copy the writer is asked
 * to finish it between two commits (SqliteDatabase.restartLog). That bounds the log under any steady load.
 *
 * Where nothing is left to copy, a file that shrinks (sqlite-connection.ts) gives back pages that it needs no more, one
 * small step at a look: hints may fill a volume, and once they are delivered other writes need their place. A batch that
 * touches the same file waits for a step as it would for another commit.
 */
export interface CheckpointerOptions {
  readonly path: string;
  /** Pages that have gathered in the log before they are worth copying. */
  readonly pagesMin: number;
  /** Called when the log should begin anew. */
  askForRestart(): void;
}

interface LogState {
  /** Pages in the log, and how many of them are in the database already. */
  readonly log: number;
  readonly checkpointed: number;
}

const CACHE_BYTES = 1024 * 1024;
/** What auto_vacuum is of a file that shrinks. */
const INCREMENTAL = 2;
/** 1 MiB: given back at a look, moved through the log at most, and too little to be worth a step. */
const SHRINK_PAGES = 256;

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #connection: Sqlite.Database;
  readonly #shrinks: boolean;
  readonly #freePages: Sqlite.Statement;
  #lastLog = -1;

  /** Throws DatabaseFailure. */
  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#connection = openConnection({ path: options.path, role: "checkpoint", cacheBytes: CACHE_BYTES });
    this.#shrinks = this.#connection.pragma("auto_vacuum", { simple: true }) === INCREMENTAL;
    this.#freePages = this.#connection.prepare("PRAGMA freelist_count").pluck();
  }

  /**
   * Looks once, and copies if it is worth it or if the writer has paused since the last look. True where the log is
   * in use. A full disk or a busy database is not an error: the next look tries again.
   */
  look(): boolean {
    const { log, checkpointed } = this.#run("NOOP");
    const paused = log === this.#lastLog;
    this.#lastLog = log;
    const waiting = log - checkpointed;
    if (waiting === 0) return this.#shrink();
    if (waiting < this.#options.pagesMin && !paused) return true;
    const after = this.#run("PASSIVE");
    if (after.log >= this.#options.pagesMin) this.#options.askForRestart();
    return true;
  }

  /** True where it gave something back: there may be more. */
  #shrink(): boolean {
    if (!this.#shrinks || Number(this.#freePages.get()) < SHRINK_PAGES) return false;
    this.#connection.exec(`PRAGMA incremental_vacuum(${SHRINK_PAGES})`);
    this.#run("PASSIVE");
    return true;
  }

  close(): void {
    this.#connection.close();
  }

  #run(mode: "NOOP" | "PASSIVE"): LogState {
    const [state] = this.#connection.pragma(`wal_checkpoint(${mode})`) as [LogState];
    return state;
  }
}
