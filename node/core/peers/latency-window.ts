/** Quantiles over the most recent observations: what "slow" means for a peer call right now. Bounded, no clock. */
export class LatencyWindow {
  readonly #samples: Float64Array;
  #count = 0;
  #next = 0;
  #sorted = new Float64Array(0);
  #sinceSorted = 0;

  constructor(size = 512) {
    this.#samples = new Float64Array(size);
  }

  observe(durationMs: number): void {
    this.#samples[this.#next] = durationMs;
    this.#next = (this.#next + 1) % this.#samples.length;
    if (this.#count < this.#samples.length) this.#count += 1;
    this.#sinceSorted += 1;
  }

  /** The value below which the fraction `q` of the window lies; undefined before the first observation. */
  quantile(q: number): number | undefined {
    if (this.#count === 0) return undefined;
    // Sorting at every request would cost more than the request: an eighth of a window of staleness is harmless.
    if (this.#sorted.length === 0 || this.#sinceSorted > this.#samples.length / 8) {
      this.#sorted = this.#samples.slice(0, this.#count).sort();
      this.#sinceSorted = 0;
    }
    return this.#sorted[Math.min(this.#sorted.length - 1, Math.floor(q * this.#sorted.length))];
  }
}
