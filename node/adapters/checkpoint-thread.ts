import { RESTART, storageFiles } from "./storage-files.ts";
import { Checkpointer } from "./sqlite-checkpointer.ts";
import Sqlite from "better-sqlite3";
import { serveThread } from "./storage-thread-serve.ts";
import { workerData } from "node:worker_threads";

/** The thread that keeps both write-ahead logs short. */
export interface CheckpointThreadData {
  readonly dataDir: string;
  readonly pagesMin: number;
  /** See RESTART in storage-files.ts. */
  readonly restart: Int32Array;
}

const BUSY_LOOK_MS = 50;
/** A fast disk took 37 MiB of log in 500 ms, before the first look at a burst. */
const IDLE_LOOK_MS = 100;

const { dataDir, pagesMin, restart } = workerData as CheckpointThreadData;

serveThread(() => {
  const files = storageFiles(dataDir);
  const ask = (word: number) => (): void => void Atomics.store(restart, word, 1);
  const checkpointers = [
    new Checkpointer({ path: files.data, pagesMin, askForRestart: ask(RESTART.data) }),
    new Checkpointer({ path: files.hints, pagesMin, askForRestart: ask(RESTART.hints) }),
  ];
  let timer = setTimeout(look, IDLE_LOOK_MS);

  function look(): void {
    let inUse = false;
    for (const checkpointer of checkpointers) inUse = tryLook(checkpointer) || inUse;
    timer = setTimeout(look, inUse ? BUSY_LOOK_MS : IDLE_LOOK_MS);
  }

  return {
    facts: {},
    close: () => {
      clearTimeout(timer);
      for (const checkpointer of checkpointers) checkpointer.close();
    },
  };
});

/** A checkpoint that fails loses nothing: the log keeps its pages. The disk's state shows where writes fail. */
function tryLook(checkpointer: Checkpointer): boolean {
  try {
    return checkpointer.look();
  } catch (error) {
    if (error instanceof Sqlite.SqliteError) return false;
    throw error;
  }
}
