/**
 * Keys that wait for work. A key that is added twice waits once; one that is added while it is worked on is worked on
 * again afterwards; never two workers have the same key. What fails comes back later and later, what succeeds starts
 * from the beginning again.
 */
export interface WorkQueueOptions {
  readonly work: (key: string) => Promise<WorkResult>;
  /** Keys worked on at once. */
  readonly workers: number;
  readonly onFailure: (key: string, error: unknown, retryMs: number) => void;
}

/** When to come back to the key without being told; undefined for never. */
export interface WorkResult {
  readonly againAfterMs: number | undefined;
}

const BACKOFF_MS_MIN = 1_000;
const BACKOFF_MS_MAX = 300_000;

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #working = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #failures = new Map<string, number>();
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait or are worked on. */
  get depth(): number {
    return this.#waiting.size + this.#working.size;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#cancelTimer(key);
    this.#waiting.add(key);
    this.#begin();
  }

  /** Adds the key then, unless it is added before. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopped || this.#waiting.has(key)) return;
    this.#cancelTimer(key);
    this.#timers.set(
      key,
      setTimeout(() => {
        this.#timers.delete(key);
        this.add(key);
      }, delayMs),
    );
  }

  /** Takes no more keys; resolves when those that are worked on are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    if (this.#working.size > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #begin(): void {
    for (const key of this.#waiting) {
      if (this.#working.size >= this.#options.workers) return;
      if (this.#working.has(key)) continue;
      this.#waiting.delete(key);
      this.#working.add(key);
      void this.#workOn(key);
    }
  }

  async #workOn(key: string): Promise<void> {
    try {
      const { againAfterMs } = await this.#options.work(key);
      this.#failures.delete(key);
      if (againAfterMs !== undefined) this.addAfter(key, againAfterMs);
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      const retryMs = backoffMs(failures);
      this.#options.onFailure(key, error, retryMs);
      this.addAfter(key, retryMs);
    } finally {
      this.#working.delete(key);
      if (this.#stopped && this.#working.size === 0) this.#idle?.();
      else this.#begin();
    }
  }

  #cancelTimer(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }
}

/** 1 s, 2 s, 4 s, … 5 min, each shortened by up to half, so that many keys do not come back at once. */
function backoffMs(failures: number): number {
  const ceilingMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 20));
  return ceilingMs * (0.5 + Math.random() / 2);
}
