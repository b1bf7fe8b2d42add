import type { Clock } from "../ports/clock.ts";
import { LEAVES_PER_READ_MAX, type MerkleStore, type VerifyRead } from "../ports/merkle-store.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import type { Timers } from "../ports/timers.ts";
import { leafOf } from "../merkle/leaf.ts";
import { pauseBetweenMs } from "./exchange-pace.ts";

/**
 * The slow full check: all rows and leaves of this node's own data are read about once an interval, a few rows at a
 * time, and compared with what was written. It finds what no read and no exchange does: a bit that flipped in a row
 * that nobody asks for (its digest, and with it the tree, still say the old bytes), and a leaf that is not the sum of
 * its rows. Wrong leaves are computed anew; corrupt rows are handed on to corrupt-rows.ts.
 *
 * A step waits as long as its share of the hash space is of the interval, so the pace does not depend on the number of
 * rows. It begins anywhere: a node that is restarted every hour still gets round. So does one whose disk cannot read some
 * place: what fails twice is left, and the scrub goes on anywhere. Once an hour the writer is asked to read such a place
 * as well: where an index rotted it is made anew.
 */
export interface ScrubParts {
  readonly merkle: MerkleStore;
  readonly store: Pick<ReplicaStore, "oldestWriteAgeMs">;
  readonly scrubIntervalMs: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
  readonly onCorrupt: (position: Uint8Array) => void;
  /** After each step, what it found wrong being mended or handed on. */
  readonly onStep: () => void;
}

/** Read by one query: some milliseconds of a reader thread with 1 KiB values. */
const ROWS_PER_STEP = 256;
/** Until the first step, and after one that failed. */
const SETTLE_MS = 10_000;
const POSITION_BYTES = 16;
/** Indexes that are made anew cost a read of the whole file, while writes wait. */
const REREAD_PAUSE_MS = 3_600_000;

export class Scrub {
  readonly #parts: ScrubParts;
  #after: Uint8Array | undefined;
  #hasFailed = false;
  #rereadNotBeforeMs = 0;

  constructor(parts: ScrubParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#after = this.#parts.random.bytes(POSITION_BYTES);
    this.#stepAfter(Math.min(SETTLE_MS, this.#parts.scrubIntervalMs));
  }

  #stepAfter(delayMs: number): void {
    this.#parts.timers.after(delayMs, () => void this.#step().then((waitMs) => this.#stepAfter(waitMs)));
  }

  /** Answers how long to wait for the next step. */
  async #step(): Promise<number> {
    const { merkle, clock, store, scrubIntervalMs } = this.#parts;
    const startMs = clock.monotonicMs();
    const after = this.#after;
    const read = await merkle.verifyRows({ after, rowsMax: ROWS_PER_STEP });
    if (read.status === "failed") {
      await this.#reread(after);
      return this.#failed(read.message);
    }
    for (const position of read.corrupt) this.#parts.onCorrupt(position);
    const failure = await this.#repaired(read);
    if (failure !== undefined) return this.#failed(failure);
    this.#after = read.next;
    this.#hasFailed = false;
    this.#parts.onStep();
    const share =
      (read.next === undefined ? 1 : placeOf(read.next)) - (after === undefined ? 0 : placeOf(after));
    const pauseMs = pauseBetweenMs(clock.monotonicMs() - startMs, store.oldestWriteAgeMs());
    return Math.max(pauseMs, share * scrubIntervalMs);
  }

  /** Why the leaves could not be rebuilt; undefined where they were. */
  async #repaired({ rowsChecked, corrupt, leavesWrong }: VerifyRead & { status: "read" }) {
    for (let at = 0; at < leavesWrong.length; at += LEAVES_PER_READ_MAX) {
      const rebuilt = await this.#parts.merkle.rebuildLeaves(leavesWrong.slice(at, at + LEAVES_PER_READ_MAX));
      if (!rebuilt.ok) return rebuilt.message;
    }
    const counts = { rows: rowsChecked, corrupt: corrupt.length, leavesRebuilt: leavesWrong.length };
    this.#parts.observer.event({ kind: "scrub_stepped", ...counts });
    return undefined;
  }

  /** An index may have rotted on the disk that is sound in the writer's memory: no write would ever meet that. */
  async #reread(after: Uint8Array | undefined): Promise<void> {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs < this.#rereadNotBeforeMs) return;
    this.#rereadNotBeforeMs = nowMs + REREAD_PAUSE_MS;
    await this.#parts.merkle.rereadRows(after === undefined ? 0 : leafOf(after));
  }

  #failed(message: string): number {
    this.#parts.observer.event({ kind: "scrub_failed", message });
    if (this.#hasFailed) this.#after = this.#parts.random.bytes(POSITION_BYTES);
    this.#hasFailed = !this.#hasFailed;
    return SETTLE_MS;
  }
}

/** Where in the hash space a position lies, from 0 to 1. */
function placeOf(position: Uint8Array): number {
  const top = ((position[0]! << 24) | (position[1]! << 16) | (position[2]! << 8) | position[3]!) >>> 0;
  return top / 2 ** 32;
}
