import { mkdir, stat } from "node:fs/promises";
import { type StorageThread, startThread } from "./storage-thread-start.ts";
import type { ThreadProgress } from "./storage-thread-serve.ts";
import { type StorageMode, DiskWatermark } from "./disk-watermark.ts";
import {
  defaultStoreClientLimits,
  StoreClient,
  type StoreClientLimits,
} from "../core/storage/store-client.ts";
import { invariant } from "../core/invariant.ts";
import { logOf, RESTART, type StorageFiles, storageFiles } from "./storage-files.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { CoreEvent, Observer } from "../core/ports/observer.ts";
import type { NodeStore } from "../core/ports/node-store.ts";
import { PortPipe } from "./storage-pipe.ts";
import { StorageLock } from "./storage-lock.ts";
import type { TombstoneCount } from "../core/ports/tombstone-store.ts";
import type { Timers } from "../core/ports/timers.ts";
import type { StorageLimits } from "../core/storage/apply-write.ts";

/**
 * This node's storage, put together: one writer thread, some reader threads and one checkpoint thread over data.db and
 * hints.db, the lock on their directory, and the watch on free space. The network thread itself touches no database.
 */
export interface StorageOptions {
  readonly dataDir: string;
  /** Reader threads; at least 1. */
  readonly readers?: number;
  readonly limits: StorageLimits;
  readonly clientLimits?: StoreClientLimits;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly observer: Observer;
  /** A storage thread died, or does not understand its state. The process must end; the store answers nothing more. */
  onFatal(error: Error): void;
  /** Opening takes long: what it is at, every few seconds. For logs. */
  onProgress?(progress: ThreadProgress): void;
  /** The node turned read-only, or back. For logs and alarms. */
  onMode?(mode: StorageMode, reason: string): void;
  /** Less free space than this makes the node read-only. */
  readonly freeBytesMin?: number;
  readonly ballastBytes?: number;
  /** Page cache of the writer and of each reader, for each of the two files. */
  readonly writerCacheBytes?: number;
  readonly readerCacheBytes?: number;
  /** Pages of 4 KiB in a log before it is checkpointed; the log's size is bounded by about twice that. */
  readonly checkpointPagesMin?: number;
  /** Quota of each database file; unlimited where undefined. */
  readonly fileBytesMax?: number;
  readonly measureFreeBytes?: () => Promise<number>;
}

export interface Storage {
  readonly store: NodeStore;
  mode(): StorageMode;
  /** For people; empty where it takes writes. */
  readOnlyReason(): string;
  /** For metrics: never waits for a storage thread. */
  stats(): StorageStats;
  /** Waits for what is under way (at most some seconds), checkpoints, closes the files, releases the directory. */
  close(): Promise<void>;
}

export interface StorageStats {
  readonly dataRows: number;
  readonly tombstones: TombstoneCount;
  readonly hintRows: number;
  /** Those of them that are markers. */
  readonly hintMarkers: number;
  /** In use inside hints.db: what counts for its limit. */
  readonly hintBytesUsed: number;
  /** By the owner that they wait for; a row may wait for several. */
  readonly hintsByOwner: ReadonlyMap<string, number>;
  readonly dataBytes: number;
  readonly dataLogBytes: number;
  readonly hintBytes: number;
  readonly hintLogBytes: number;
  readonly freeBytes: number;
}

const MEBIBYTE = 1024 * 1024;
const DEFAULTS = {
  readers: 2,
  freeBytesMin: 64 * MEBIBYTE,
  ballastBytes: 16 * MEBIBYTE,
  // More is slower until a file has 1 GiB (docs/decisions/0016): SQLite walks the whole cache at nearly every commit.
  writerCacheBytes: 16 * MEBIBYTE,
  readerCacheBytes: 32 * MEBIBYTE,
  checkpointPagesMin: 8_192,
} as const;

const DRAIN_MS_MAX = 5_000;
const DRAIN_LOOK_MS = 5;

/** Rejects with DatabaseFailure where the directory is in use, a file is newer than this build, or the disk fails. */
export async function startStorage(options: StorageOptions): Promise<Storage> {
  await mkdir(options.dataDir, { recursive: true });
  const files = storageFiles(options.dataDir);
  const lock = new StorageLock(files.lock);
  const fatal = new FatalRelay(options.onFatal);
  const threads: StorageThread[] = [];
  try {
    await startThreads(options, threads, (error) => fatal.raise(error));
    return await Running.start(options, { files, lock, threads, fatal });
  } catch (error) {
    await closeAll(threads);
    lock.release();
    throw error;
  }
}

/** The writer first: it creates the files that the others open. */
async function startThreads(
  options: StorageOptions,
  threads: StorageThread[],
  onFatal: (error: Error) => void,
): Promise<void> {
  const { dataDir, limits, fileBytesMax } = options;
  const settings = { ...DEFAULTS, ...withoutUndefined(options) };
  const restart = new Int32Array(new SharedArrayBuffer(RESTART.words * Int32Array.BYTES_PER_ELEMENT));
  const start = async (name: string, script: string, data: Record<string, unknown>): Promise<void> => {
    const url = new URL(script, import.meta.url);
    const onProgress = options.onProgress?.bind(options);
    threads.push(await startThread({ name, script: url, data: { dataDir, ...data }, onFatal, onProgress }));
  };
  const cacheBytes = settings.writerCacheBytes;
  await start("writer", "./writer-thread.js", { cacheBytes, limits, fileBytesMax, restart });
  for (let i = 1; i <= settings.readers; i++) {
    await start(`reader-${i}`, "./reader-thread.js", { cacheBytes: settings.readerCacheBytes });
  }
  await start("checkpoint", "./checkpoint-thread.js", { pagesMin: settings.checkpointPagesMin, restart });
}

/** Last started, first closed: the writer's close is the last, and leaves no log behind. */
async function closeAll(threads: readonly StorageThread[]): Promise<void> {
  for (const thread of threads.toReversed()) await thread.close();
}

/** Passes the first fatal error on, and fails whatever the store owes. */
class FatalRelay {
  readonly #onFatal: (error: Error) => void;
  store: StoreClient | undefined;
  #raised = false;

  constructor(onFatal: (error: Error) => void) {
    this.#onFatal = onFatal;
  }

  raise(error: Error): void {
    this.store?.fail(error.message);
    if (this.#raised) return;
    this.#raised = true;
    this.#onFatal(error);
  }
}

interface Parts {
  readonly files: StorageFiles;
  readonly lock: StorageLock;
  readonly threads: readonly StorageThread[];
  readonly fatal: FatalRelay;
}

class Running implements Storage {
  readonly store: StoreClient;
  readonly #options: StorageOptions;
  readonly #parts: Parts;
  readonly #watermark: DiskWatermark;
  #bytes = { dataBytes: 0, dataLogBytes: 0, hintBytes: 0, hintLogBytes: 0, freeBytes: 0 };

  private constructor(options: StorageOptions, parts: Parts) {
    const { clock, timers } = options;
    const settings = { ...DEFAULTS, ...withoutUndefined(options) };
    this.#options = options;
    this.#parts = parts;
    this.#watermark = new DiskWatermark({
      dataDir: options.dataDir,
      ballastPath: parts.files.ballast,
      ballastBytes: settings.ballastBytes,
      freeBytesMin: settings.freeBytesMin,
      timers,
      clock,
      measureFreeBytes: options.measureFreeBytes,
      onChange: (mode, reason) => this.#changeMode(mode, reason),
      onLook: (freeBytes) => this.#measure(freeBytes),
    });
    const [writer, ...others] = parts.threads.map((thread) => new PortPipe(thread.port));
    this.store = new StoreClient({
      writer: writer!,
      readers: others.slice(0, -1),
      clock,
      timers,
      observer: { event: (event) => this.#observe(event) },
      limits: options.clientLimits ?? defaultStoreClientLimits,
      ...openedBy(parts.threads[0]!),
    });
    parts.fatal.store = this.store;
  }

  static async start(options: StorageOptions, parts: Parts): Promise<Running> {
    const running = new Running(options, parts);
    await running.#watermark.start();
    return running;
  }

  mode(): StorageMode {
    return this.#watermark.mode;
  }

  readOnlyReason(): string {
    return this.#watermark.readOnlyReason;
  }

  stats(): StorageStats {
    const { data, hints, markers, hintsByOwner } = this.store.rows();
    const hintBytesUsed = this.store.hintBytes();
    return {
      dataRows: data,
      tombstones: this.store.tombstones(),
      hintRows: hints,
      hintMarkers: markers,
      hintBytesUsed,
      hintsByOwner,
      ...this.#bytes,
    };
  }

  async close(): Promise<void> {
    const { threads, lock } = this.#parts;
    this.#watermark.stop();
    this.store.refuseWrites({ ok: false, code: "storage_failed", message: "this node is shutting down" });
    await this.#drained();
    await closeAll(threads);
    this.store.fail("this node is shutting down");
    lock.release();
  }

  async #drained(): Promise<void> {
    const { clock, timers } = this.#options;
    const untilMs = clock.monotonicMs() + DRAIN_MS_MAX;
    while (this.store.pending > 0 && clock.monotonicMs() < untilMs) {
      await new Promise<void>((resolve) => void timers.after(DRAIN_LOOK_MS, resolve));
    }
  }

  #observe(event: CoreEvent): void {
    this.#options.observer.event(event);
    if (event.kind === "commit_failed" && event.code === "disk_full")
      this.#watermark.reportFull(event.message);
  }

  #changeMode(mode: StorageMode, reason: string): void {
    this.store.refuseWrites(
      mode === "read_write" ? undefined : { ok: false, code: "read_only", message: reason },
    );
    this.#options.onMode?.(mode, reason);
  }

  async #measure(freeBytes: number): Promise<void> {
    const { data, hints } = this.#parts.files;
    const [dataBytes, dataLogBytes, hintBytes, hintLogBytes] = await Promise.all(
      [data, logOf(data), hints, logOf(hints)].map(sizeOf),
    );
    this.#bytes = {
      dataBytes: dataBytes!,
      dataLogBytes: dataLogBytes!,
      hintBytes: hintBytes!,
      hintLogBytes: hintLogBytes!,
      freeBytes,
    };
  }
}

/** What the writer found. */
function openedBy({ facts }: StorageThread) {
  const { rows, hintBytes, tombstones, opened } = facts;
  invariant(opened !== undefined, "the first storage thread is the writer, and says what it opened");
  return { rows, hintBytes, tombstones, opened };
}

/** 0 where there is no such file: a log is deleted at a clean close. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** An option that is present but undefined must not hide its default. */
function withoutUndefined(options: StorageOptions): Partial<typeof DEFAULTS> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
