import { parentPort } from "node:worker_threads";
import { DatabaseFailure } from "../core/ports/database.ts";
import type { OpenedStore } from "../core/ports/store-identity.ts";
import type { TombstoneCount } from "../core/ports/tombstone-store.ts";
import type { RowCounts } from "../core/storage/row-counts.ts";

/**
 * What every storage thread does at its own end: open, say so or say why not, and close when told. Anything thrown
 * later is not caught: a storage thread that does not understand its state must take the process with it.
 */
export type ThreadOpened =
  | { readonly kind: "progress"; readonly progress: ThreadProgress }
  | { readonly kind: "ready"; readonly facts: ThreadFacts }
  | { readonly kind: "failed"; readonly code: string; readonly message: string };

/** What a thread that takes long to open is at. */
export interface ThreadProgress {
  readonly task: "building_merkle_tree";
  readonly rowsDone: number;
}

/** What a thread found when it opened its files, for the thread that started it; empty but for the writer's. */
export interface ThreadFacts {
  readonly rows?: RowCounts;
  /** Bytes in use in hints.db. */
  readonly hintBytes?: number;
  readonly tombstones?: TombstoneCount;
  readonly opened?: OpenedStore;
}

export const CLOSE = "close";

export interface ServedThread {
  readonly facts: ThreadFacts;
  close(): void;
}

/** `open` is given the way to say what it is at, for the log. */
export function serveThread(open: (report: (progress: ThreadProgress) => void) => ServedThread): void {
  const port = parentPort;
  if (port === null) throw new Error("a storage thread runs in a worker only");
  try {
    const served = open((progress) =>
      port.postMessage({ kind: "progress", progress } satisfies ThreadOpened),
    );
    port.on("message", (message: unknown) => {
      if (message !== CLOSE) return;
      served.close();
      process.exit(0);
    });
    port.postMessage({ kind: "ready", facts: served.facts } satisfies ThreadOpened);
  } catch (error) {
    if (!(error instanceof DatabaseFailure)) throw error;
    port.postMessage({ kind: "failed", code: error.code, message: error.message } satisfies ThreadOpened);
    port.close();
  }
}
