export type CancelTimer = () => void;

export interface Timers {
  /** Runs `run` once, `delayMs` (≥ 0) from now, unless cancelled before. */
  after(delayMs: number, run: () => void): CancelTimer;
  /** Runs `run` once, after the events that are already waiting: the end of this tick. Batches are cut here. */
  soon(run: () => void): void;
}
