import type { Timers } from "../core/ports/timers.ts";

/** Longest delay that setTimeout keeps (a longer one would fire at once). */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** The event loop's timers. `soon` runs after the sockets that are ready in this turn of the loop were read. */
export const nodeTimers: Timers = {
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), DELAY_MS_MAX));
    return () => clearTimeout(timer);
  },
  soon(run) {
    setImmediate(run);
  },
};
