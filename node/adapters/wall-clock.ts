import { performance } from "node:perf_hooks";
import type { Clock } from "../core/ports/clock.ts";

/** performance.now() counts from the start of its thread; from this moment on all threads of the machine agree. */
const threadStartMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The machine's clocks; the storage threads' monotonic time is the network thread's. */
export const wallClock: Clock = {
  monotonicMs: () => threadStartMs + performance.now(),
  wallMs: () => Date.now(),
};
