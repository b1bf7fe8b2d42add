import { performance } from "node:perf_hooks";
import type { Clock } from "../core/ports/clock.ts";

/** The machine's clocks. */
export const wallClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
