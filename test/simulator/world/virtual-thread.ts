import type { CancelTimer, Timers } from "../../../node/core/ports/timers.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Incarnation } from "./incarnation.ts";

/** What orders two effects of one job that take no time: far below a microsecond. */
const EFFECT_GAP_MS = 1e-6;

/**
 * One thread of a node: it runs one job at a time, and a job takes time. The code of a job runs in one go, but while
 * it runs the thread has a *local* time that `spend` moves on (a commit spends what the fsync takes), and what the
 * job does to others (`effect`) happens at the local time of that moment. So a message posted before a commit
 * arrives before the commit is durable, one posted after it does not, and a crash falls between the two.
 */
export class VirtualThread implements Timers {
  readonly #loop: EventLoop;
  readonly #owner: Incarnation;
  readonly #jobs: (() => void)[] = [];
  /** Jobs for when nothing else waits. */
  readonly #later: (() => void)[] = [];
  #localMs = 0;
  #inJob = false;
  #wakeAtMs: number | undefined;

  constructor(loop: EventLoop, owner: Incarnation) {
    this.#loop = loop;
    this.#owner = owner;
  }

  get localMs(): number {
    return this.#inJob ? this.#localMs : Math.max(this.#loop.nowMs, this.#localMs);
  }

  /** The job that is running takes this much longer. */
  spend(durationMs: number): void {
    this.#localMs = this.localMs + durationMs;
  }

  /**
   * At this thread's local time, in the order of the calls. A `detached` effect is the kernel's: a paused process does
   * not hold it up.
   */
  effect(run: () => void, { detached }: { detached: boolean } = { detached: false }): void {
    this.#localMs = this.localMs + EFFECT_GAP_MS;
    const ifAlive = (): void => {
      if (this.#owner.alive) run();
    };
    this.#loop.at(this.#localMs, ifAlive, detached ? undefined : this.#owner);
  }

  /** A message or timer for this thread: runs when the thread is free, in order of arrival. */
  run(job: () => void): void {
    this.#jobs.push(job);
    const isIdle = !this.#inJob && this.#wakeAtMs === undefined && this.#localMs <= this.#loop.nowMs;
    if (isIdle) this.#work();
    else this.#wake();
  }

  after(delayMs: number, run: () => void): CancelTimer {
    let cancelled = false;
    this.#loop.at(
      this.localMs + Math.max(0, delayMs),
      () =>
        this.run(() => {
          if (!cancelled) run();
        }),
      this.#owner,
    );
    return () => {
      cancelled = true;
    };
  }

  soon(run: () => void): void {
    this.#later.push(run);
    this.#wake();
  }

  #wake(): void {
    if (this.#inJob || this.#wakeAtMs !== undefined) return;
    this.#wakeAtMs = this.localMs;
    this.#loop.at(this.#wakeAtMs, () => this.#work(), this.#owner);
  }

  #work(): void {
    this.#wakeAtMs = undefined;
    this.#localMs = Math.max(this.#loop.nowMs, this.#localMs);
    const job = this.#jobs.shift() ?? this.#later.shift();
    if (job === undefined) return;
    this.#inJob = true;
    try {
      job();
    } finally {
      this.#inJob = false;
      this.#localMs += EFFECT_GAP_MS;
    }
    if (this.#jobs.length > 0 || this.#later.length > 0) this.#wake();
  }
}
