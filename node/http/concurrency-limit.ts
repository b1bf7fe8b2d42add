/**
 * How many requests of one kind a node works on at once, learnt from how long they take.
 * Intuition: by Little's law, what is under way is throughput times delay. Once a node is busy its throughput stays,
 * so one request more only makes all of them wait longer; then the limit shrinks in proportion, else it grows.
 * Delay is the lower quartile of a window: an overload delays every request, a silent peer only some, and those must
 * not close the door to the others. A disk may be slow without being overloaded: what requests take while few are
 * under way is the floor, and only a multiple of it counts as waiting.
 * Source: Netflix' concurrency-limits (gradient) and CoDel's "standing queue", simplified.
 */
export interface ConcurrencyLimitOptions {
  readonly max: number;
  /** Requests that take longer than this wait for one another, unless the floor is high. */
  readonly delayMsTarget: number;
}

/** So many are let in however long they take: they show what the floor is. */
export const LIMIT_MIN = 16;
/**
 * Before anything is known. Clients that come again at once when they are refused take so much of the node that nobody is
 * served in time, and then the limit falls further: 256 clients of three nodes found 64 places a node and never got out of it.
 */
const LIMIT_FIRST = 128;

const SAMPLES_MIN = 8;
const SAMPLES_MAX = 256;
const QUANTILE = 0.25;
const FLOOR_FACTOR = 3;
/** However slow the disk: a quarter of the default timeout. */
const DELAY_MS_MAX = 500;
const SHRINK_MIN = 0.5;
const GROWTH = 1.1;
/** While requests take less than half of the target. */
const GROWTH_FAST = 1.5;
const FLOOR_RISE = 0.1;

export class ConcurrencyLimit {
  readonly #options: ConcurrencyLimitOptions;
  readonly #min: number;
  readonly #samplesMs: number[] = [];
  #samples = 0;
  #limit: number;
  #floorMs: number | undefined;
  #underWay = 0;
  #mostUnderWay = 0;

  constructor(options: ConcurrencyLimitOptions) {
    this.#options = options;
    this.#min = Math.min(LIMIT_MIN, options.max);
    this.#limit = Math.min(LIMIT_FIRST, options.max);
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  get full(): boolean {
    return this.#underWay >= this.limit;
  }

  started(): void {
    this.#underWay += 1;
    if (this.#underWay > this.#mostUnderWay) this.#mostUnderWay = this.#underWay;
  }

  /** `durationMs`: undefined where the request failed, which says nothing about waiting. */
  finished(durationMs: number | undefined): void {
    this.#underWay -= 1;
    if (durationMs === undefined) return;
    this.#samplesMs[this.#samples % SAMPLES_MAX] = durationMs;
    this.#samples += 1;
  }

  /** Ends a window, where enough was seen in it: else it goes on. Call it a few times a second. */
  adjust(): void {
    if (this.#samples < SAMPLES_MIN) return;
    const delayMs = quantile(this.#samplesMs, QUANTILE);
    const crowded = this.#mostUnderWay >= this.limit * 0.8;
    this.#samplesMs.length = 0;
    this.#samples = 0;
    this.#learnFloor(delayMs, this.#mostUnderWay);
    this.#mostUnderWay = this.#underWay;
    if (!crowded) return;
    const targetMs = this.#targetMs();
    if (delayMs > targetMs)
      this.#limit = Math.max(this.#min, this.#limit * Math.max(SHRINK_MIN, targetMs / delayMs));
    else
      this.#limit = Math.min(
        this.#options.max,
        this.#limit * (delayMs * 2 < targetMs ? GROWTH_FAST : GROWTH) + 1,
      );
  }

  #targetMs(): number {
    return Math.min(DELAY_MS_MAX, Math.max(this.#options.delayMsTarget, FLOOR_FACTOR * (this.#floorMs ?? 0)));
  }

  /** Where more than a few are under way, a long delay may be their own doing: only a short one says something then. */
  #learnFloor(delayMs: number, most: number): void {
    const few = most <= this.#min;
    if (this.#floorMs === undefined) this.#floorMs = few ? delayMs : undefined;
    else if (delayMs < this.#floorMs) this.#floorMs = delayMs;
    else if (few) this.#floorMs += (delayMs - this.#floorMs) * FLOOR_RISE;
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(q * (sorted.length - 1))]!;
}
