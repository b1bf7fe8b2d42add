import type { Clock } from "../ports/clock.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import type { Timers } from "../ports/timers.ts";
import type { TombstoneStore } from "../ports/tombstone-store.ts";
import { pauseBetweenMs } from "./exchange-pace.ts";

/**
 * Counts the tombstones again while their number is in doubt (storage/tombstone-counter.ts). It runs on the writer, beside
 * what clients write, so it takes about a hundredth of its time. What fails is begun again when it is woken next.
 */
export interface TombstoneRecountParts {
  readonly tombstones: TombstoneStore;
  readonly store: Pick<ReplicaStore, "oldestWriteAgeMs">;
  readonly clock: Clock;
  readonly timers: Timers;
}

const PAUSE_MS_MIN = 50;

export class TombstoneRecount {
  readonly #parts: TombstoneRecountParts;
  #isUnderWay = false;

  constructor(parts: TombstoneRecountParts) {
    this.#parts = parts;
  }

  /** Begins where there is something to count; idle otherwise. */
  wake(): void {
    if (this.#isUnderWay || !this.#parts.tombstones.tombstones().inDoubt) return;
    this.#isUnderWay = true;
    void this.#step();
  }

  async #step(): Promise<void> {
    const { tombstones, store, clock, timers } = this.#parts;
    const startMs = clock.monotonicMs();
    const counted = await tombstones.countTombstones();
    if (!counted.ok || !tombstones.tombstones().inDoubt) {
      this.#isUnderWay = false;
      return;
    }
    const pauseMs = pauseBetweenMs(clock.monotonicMs() - startMs, store.oldestWriteAgeMs());
    timers.after(Math.max(PAUSE_MS_MIN, pauseMs), () => void this.#step());
  }
}
