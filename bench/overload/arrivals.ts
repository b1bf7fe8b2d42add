/**
 * When requests are due, whatever becomes of those before them: that is what makes a load open. Poisson is what many
 * independent users are; uniform shows a single burst better. Same seed, same arrivals.
 */
export type ArrivalProcess = "poisson" | "uniform";

export const ARRIVAL_PROCESSES: readonly ArrivalProcess[] = ["poisson", "uniform"];

/** One stretch of constant mean rate. */
export interface Step {
  readonly ratePerSecond: number;
  readonly seconds: number;
}

export class Arrivals {
  readonly #steps: readonly Step[];
  readonly #process: ArrivalProcess;
  readonly #random: () => number;
  #step = 0;
  #stepStartMs = 0;
  #nextMs = 0;

  /** `random`: uniform in [0, 1). Every rate is above 0. */
  constructor(steps: readonly Step[], process: ArrivalProcess, random: () => number) {
    this.#steps = steps;
    this.#process = process;
    this.#random = random;
    this.#nextMs = this.#gapMs();
    this.#enterStep();
  }

  /** When the next request is due, in milliseconds from the start; undefined after the last. */
  get nextMs(): number | undefined {
    return this.#step < this.#steps.length ? this.#nextMs : undefined;
  }

  /** The step that the next request belongs to. */
  get step(): number {
    return this.#step;
  }

  advance(): void {
    this.#nextMs += this.#gapMs();
    this.#enterStep();
  }

  #gapMs(): number {
    const step = this.#steps[this.#step];
    if (step === undefined) return 0;
    const meanMs = 1_000 / step.ratePerSecond;
    return this.#process === "uniform" ? meanMs : -Math.log(1 - this.#random()) * meanMs;
  }

  /** A gap that reaches over the end of a step is drawn anew there: exponential gaps have no memory. */
  #enterStep(): void {
    for (let step = this.#steps[this.#step]; step !== undefined; step = this.#steps[this.#step]) {
      const endMs = this.#stepStartMs + step.seconds * 1_000;
      if (this.#nextMs < endMs) return;
      this.#stepStartMs = endMs;
      this.#step += 1;
      this.#nextMs = endMs + this.#gapMs();
    }
  }
}

/** A small generator of good enough numbers (Marsaglia's xorshift32): runs must be repeatable, not secret. */
export function seededRandom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
