/** Quantiles over the most recent observations: what "slow" means for a peer call right now. Bounded, no clock. */
export class LatencyWindow {
  readonly #samples: number[] = [];
  readonly #size: number;
  #next = 0;
  #sorted: number[] | undefined;
  #sinceSorted = 0;

  constructor(size = 512) {
    this.#size = size;
  }

  observe(durationMs: number): void {
    this.#samples[this.#next] = durationMs;
    this.#next = (this.#next + 1) % this.#size;
    this.#sinceSorted += 1;
  }

  /** The value below which the fraction `q` of the window lies; undefined before the first observation. */
  quantile(q: number): number | undefined {
    if (this.#samples.length === 0) return undefined;
    // Sorting at every request would cost more than the request: an eighth of a window of staleness is harmless.
    if (this.#sorted === undefined || this.#sinceSorted > this.#size / 8) {
      this.#sorted = [...this.#samples].sort((a, b) => a - b);
      this.#sinceSorted = 0;
    }
    return this.#sorted[Math.min(this.#sorted.length - 1, Math.floor(q * this.#sorted.length))];
  }
}
