import { pauseAfterMs } from "../handoff/handoff-pace.ts";

/**
 * How hard anti-entropy may try. As with hints, two thirds of the time are pauses, since a slow step is the sign of a
 * busy disk, network or peer; on top of that a store that is behind with its clients' writes makes them longer. They
 * have an end: under any load a few records a second still move.
 */
const PAUSE_MS_MAX = 5_000;
/** For each millisecond that the oldest unfinished write of a client has waited. */
const LATENESS_FACTOR = 4;

export function pauseBetweenMs(stepMs: number, oldestWriteAgeMs: number): number {
  return Math.min(PAUSE_MS_MAX, pauseAfterMs(stepMs) + LATENESS_FACTOR * Math.max(0, oldestWriteAgeMs));
}

/** How long until the next exchange with a peer, by how the last one ended. */
export interface PaceOfExchanges {
  readonly intervalMs: number;
  /** Uniform in [0, 1). */
  readonly chance: number;
}

/** Of the interval, either way: nodes that started together must not stay in step. */
const JITTER = 0.1;
const RETRY_MS = 1_000;
/** What was repaired is compared again soon: until it is found equal nobody knows that it is. */
const RECHECK_MS = 2_000;

export function untilNextMs(
  last: { readonly outcome: "equal" | "repaired" | "failed" | "postponed"; readonly inARow: number },
  { intervalMs, chance }: PaceOfExchanges,
): number {
  const doublings = 2 ** Math.min(last.inARow - 1, 16);
  switch (last.outcome) {
    case "equal":
      return intervalMs * (1 - JITTER + 2 * JITTER * chance);
    case "repaired":
      return Math.min(intervalMs, RECHECK_MS * doublings) * (0.5 + chance);
    case "failed":
      return Math.min(intervalMs, RETRY_MS * doublings) * (0.5 + chance);
    case "postponed":
      return Math.min(intervalMs, RETRY_MS) * (0.5 + chance);
  }
}
