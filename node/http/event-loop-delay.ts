/**
 * Whether the network thread keeps up: a timer that comes late says by how much the event loop is behind. One late
 * turn is a pause (a collection, a start-up) and no reason to refuse anybody; several in a row are overload, which
 * the count of requests alone does not show when each of them has become expensive.
 */
const SAMPLE_EVERY_MS = 50;
const LATE_SAMPLES = 5;

export class EventLoopDelay {
  readonly #delayMsMax: number;
  #lateInARow = 0;
  #delayMs = 0;
  #expectedMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(delayMsMax: number) {
    this.#delayMsMax = delayMsMax;
  }

  start(): void {
    this.#expectedMs = performance.now() + SAMPLE_EVERY_MS;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.record(nowMs - this.#expectedMs);
      this.#expectedMs = nowMs + SAMPLE_EVERY_MS;
    }, SAMPLE_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One sample: how much later than due a timer ran. */
  record(delayMs: number): void {
    this.#delayMs = Math.max(0, delayMs);
    this.#lateInARow = delayMs > this.#delayMsMax ? this.#lateInARow + 1 : 0;
  }

  overloaded(): boolean {
    return this.#lateInARow >= LATE_SAMPLES;
  }

  /** The last sample, milliseconds. */
  delayMs(): number {
    return this.#delayMs;
  }
}
