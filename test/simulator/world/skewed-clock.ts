import type { Clock } from "../../../node/core/ports/clock.ts";
import type { CancelTimer, Timers } from "../../../node/core/ports/timers.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Incarnation } from "./incarnation.ts";

/** 2026-01-01, the wall time at which virtual time starts. */
const WALL_ORIGIN_MS = 1_767_225_600_000;

/** A host's quartz: every clock and timer of the node runs by it, and no two agree. */
export interface Quartz {
  /** 1.001 gains a millisecond each second. */
  readonly rate: number;
  /** What the wall clock is off by; jumps change it. */
  wallOffsetMs: number;
}

export class SkewedClock implements Clock {
  readonly #loop: EventLoop;
  readonly #quartz: Quartz;
  readonly #originMs: number;

  constructor(loop: EventLoop, quartz: Quartz) {
    this.#loop = loop;
    this.#quartz = quartz;
    this.#originMs = loop.nowMs;
  }

  monotonicMs(): number {
    return 1_000 + (this.#loop.nowMs - this.#originMs) * this.#quartz.rate;
  }

  wallMs(): number {
    return Math.max(0, Math.floor(WALL_ORIGIN_MS + this.#loop.nowMs + this.#quartz.wallOffsetMs));
  }
}

/** No timer fires sooner: a deadline that rounding puts a hair ahead must not stop time. */
const RESOLUTION_MS = 0.05;

/** Timers of a node's network thread, by its own quartz. */
export class SkewedTimers implements Timers {
  readonly #loop: EventLoop;
  readonly #quartz: Quartz;
  readonly #owner: Incarnation;

  constructor(loop: EventLoop, quartz: Quartz, owner: Incarnation) {
    this.#loop = loop;
    this.#quartz = quartz;
    this.#owner = owner;
  }

  after(delayMs: number, run: () => void): CancelTimer {
    return this.#loop.after(Math.max(RESOLUTION_MS, delayMs) / this.#quartz.rate, run, this.#owner);
  }

  soon(run: () => void): void {
    this.#loop.after(0, run, this.#owner);
  }
}
