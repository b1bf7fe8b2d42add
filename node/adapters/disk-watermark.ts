import { dropBallast, layBallast } from "./disk-ballast.ts";
import type { CancelTimer, Timers } from "../core/ports/timers.ts";
import type { Clock } from "../core/ports/clock.ts";
import { statfs } from "node:fs/promises";

/**
 * Turns the node read-only before the disk is full, and back when there is room again. Looks once a second; a commit
 * that failed for want of space counts at once. It comes back only with a quarter more than the watermark free, room
 * for the ballast, and some seconds after the last failed commit, so that it does not flap.
 */
export interface WatermarkOptions {
  readonly dataDir: string;
  readonly ballastPath: string;
  readonly ballastBytes: number;
  /** Less free space than this makes the node read-only. */
  readonly freeBytesMin: number;
  readonly timers: Timers;
  readonly clock: Clock;
  /** Called after each change; `reason` explains a read-only node to a client and to the person on call. */
  onChange(mode: StorageMode, reason: string): void;
  /** Called after each look. */
  onLook(freeBytes: number): Promise<void>;
  /** Free bytes for unprivileged users; the volume's own count where undefined. */
  readonly measureFreeBytes?: (() => Promise<number>) | undefined;
}

export type StorageMode = "read_write" | "read_only";

const LOOK_MS = 1_000;
const SETTLE_MS = 10_000;
const COMEBACK_FACTOR = 1.25;

export class DiskWatermark {
  readonly #options: WatermarkOptions;
  #mode: StorageMode = "read_write";
  #readOnlyReason = "";
  #lastFullMs = Number.NEGATIVE_INFINITY;
  #cancel: CancelTimer | undefined;
  #stopped = false;

  constructor(options: WatermarkOptions) {
    this.#options = options;
  }

  get mode(): StorageMode {
    return this.#mode;
  }

  /** Empty where it takes writes. */
  get readOnlyReason(): string {
    return this.#readOnlyReason;
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#look();
    if (this.#mode === "read_write") await this.#layBallast();
    this.#schedule();
  }

  /** A commit found no space: whatever the numbers say, the disk is full. */
  reportFull(message: string): void {
    this.#lastFullMs = this.#options.clock.monotonicMs();
    void this.#turnReadOnly(`the disk is full: ${message}`);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.timers.after(LOOK_MS, () => {
      void this.#look().then(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const { freeBytesMin, ballastBytes, clock, onLook } = this.#options;
    const free = await this.#freeBytes();
    if (free === undefined || this.#stopped) return;
    await onLook(free);
    if (this.#mode === "read_write") {
      if (free < freeBytesMin) await this.#turnReadOnly(this.#explain(free));
      return;
    }
    const settled = clock.monotonicMs() - this.#lastFullMs >= SETTLE_MS;
    if (settled && free >= freeBytesMin * COMEBACK_FACTOR + ballastBytes) await this.#turnReadWrite();
  }

  async #turnReadOnly(reason: string): Promise<void> {
    if (this.#mode === "read_only") return;
    this.#mode = "read_only";
    this.#readOnlyReason = reason;
    this.#options.onChange("read_only", reason);
    await dropBallast(this.#options.ballastPath).catch(ignoreUnlessUnexpected);
  }

  async #turnReadWrite(): Promise<void> {
    await this.#layBallast();
    this.#mode = "read_write";
    this.#readOnlyReason = "";
    this.#options.onChange("read_write", "there is free space again");
  }

  async #layBallast(): Promise<void> {
    const { ballastPath, ballastBytes } = this.#options;
    await layBallast(ballastPath, ballastBytes).catch(ignoreUnlessUnexpected);
  }

  /** Undefined where the volume cannot be asked: the writes themselves will show what is wrong. */
  async #freeBytes(): Promise<number | undefined> {
    const { measureFreeBytes, dataDir } = this.#options;
    try {
      if (measureFreeBytes !== undefined) return await measureFreeBytes();
      const { bavail, bsize } = await statfs(dataDir);
      return bavail * bsize;
    } catch (error) {
      ignoreUnlessUnexpected(error);
      return undefined;
    }
  }

  #explain(free: number): string {
    const { dataDir, freeBytesMin } = this.#options;
    const numbers = `${free} bytes are free in ${dataDir}, fewer than the ${freeBytesMin} to keep`;
    return `${numbers}: free space or enlarge the volume; reads are served, writes resume by themselves`;
  }
}

/** Errors of the file system have a code and mean that the disk is in trouble, which commits report. Others are bugs. */
function ignoreUnlessUnexpected(error: unknown): void {
  if (!(error instanceof Error && "code" in error)) throw error;
}
