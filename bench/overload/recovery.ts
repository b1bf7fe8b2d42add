/**
 * How long an overload outlives its cause. Requests are sorted into slices by when they were due; after the load has
 * fallen below the capacity, the cluster has recovered at the end of the last slice in which too many were not good.
 */
/** A second, or else a hiccup of a quarter of one counts as an overload that lasted until then. */
export const SLICE_MS = 1_000;

/** Of the requests of a slice, so many must be good. */
export const GOOD_SHARE_MIN = 0.99;

interface Slice {
  due: number;
  good: number;
}

export class GoodSlices {
  readonly #slices: Slice[] = [];

  /** `dueMs`: from the start of the run. */
  count(dueMs: number, good: boolean): void {
    const index = Math.floor(dueMs / SLICE_MS);
    while (this.#slices.length <= index) this.#slices.push({ due: 0, good: 0 });
    const slice = this.#slices[index]!;
    slice.due += 1;
    if (good) slice.good += 1;
  }

  /** Milliseconds after `fromMs`; undefined where the last slices before `untilMs` are still bad. */
  recoveryMs(fromMs: number, untilMs: number): number | undefined {
    const first = Math.floor(fromMs / SLICE_MS);
    const end = Math.min(this.#slices.length, Math.floor(untilMs / SLICE_MS));
    let bad = end - 1;
    while (bad >= first && isWell(this.#slices[bad]!)) bad -= 1;
    if (bad === end - 1) return undefined;
    return Math.max(0, (bad + 1) * SLICE_MS - fromMs);
  }
}

/** One request that is not good is no sign of overload in a slice of few. */
function isWell({ due, good }: Slice): boolean {
  return due - good <= Math.max(1, due * (1 - GOOD_SHARE_MIN));
}
