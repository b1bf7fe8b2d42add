import { type ArrivalProcess, Arrivals, type Step } from "./arrivals.ts";
import { LoadSender, type SendOutcome } from "./load-sender.ts";
import { GoodSlices } from "./recovery.ts";
import { isGood, StepCounts, type StepResult } from "./step-counts.ts";

/**
 * The two ways of loading a cluster. Closed: so many clients, each sends its next request when the last is answered;
 * finds the capacity, because it never asks for more. Open: requests come when they come; shows what happens beyond
 * the capacity. Nodes take turns.
 */
export interface LoadTarget {
  readonly baseUrls: readonly string[];
  /** Open connections to each node. */
  readonly connectionsMax: number;
  readonly deadlineMs: number;
  readonly nextRequest: () => string;
}

export interface OpenLoad {
  readonly steps: readonly Step[];
  readonly arrivals: ArrivalProcess;
  readonly random: () => number;
  /** Called once at the first request of each step but the first. */
  readonly stepBegun?: (step: number) => void;
}

export interface OpenLoadResult {
  readonly steps: readonly StepResult[];
  readonly slices: GoodSlices;
  readonly connectionsMax: number;
}

const SWEEP_EVERY_MS = 10;
const TIMED_OUT: SendOutcome = { kind: "timed_out" };

/** Resolves when every request was answered or given up. */
export async function runOpenLoop(target: LoadTarget, load: OpenLoad): Promise<OpenLoadResult> {
  const sender = new LoadSender(target.baseUrls, target);
  const run = new OpenRun(target, load, sender);
  await run.finished();
  sender.close();
  return run.result();
}

class OpenRun {
  readonly #target: LoadTarget;
  readonly #load: OpenLoad;
  readonly #sender: LoadSender;
  readonly #arrivals: Arrivals;
  readonly #counts: readonly StepCounts[];
  readonly #slices = new GoodSlices();
  readonly #startMs = performance.now();
  #step = 0;
  #turn = 0;
  #underWay = 0;
  #connectionsMax = 0;
  #finish = (): void => {};

  constructor(target: LoadTarget, load: OpenLoad, sender: LoadSender) {
    this.#target = target;
    this.#load = load;
    this.#sender = sender;
    this.#arrivals = new Arrivals(load.steps, load.arrivals, load.random);
    this.#counts = load.steps.map(() => new StepCounts());
  }

  finished(): Promise<void> {
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#tick();
    });
  }

  result(): OpenLoadResult {
    const steps = this.#counts.map((counts, index) => counts.result(this.#load.steps[index]!));
    return { steps, slices: this.#slices, connectionsMax: this.#connectionsMax };
  }

  #tick(): void {
    const nowMs = performance.now();
    for (let dueMs = this.#arrivals.nextMs; dueMs !== undefined; dueMs = this.#arrivals.nextMs) {
      if (this.#startMs + dueMs > nowMs) break;
      this.#send(dueMs, this.#arrivals.step);
      this.#arrivals.advance();
    }
    this.#sender.sweep(nowMs);
    this.#connectionsMax = Math.max(this.#connectionsMax, this.#sender.connections);
    if (this.#arrivals.nextMs === undefined && this.#underWay === 0) this.#finish();
    else setTimeout(() => this.#tick(), this.#pauseMs());
  }

  #pauseMs(): number {
    const untilDueMs = this.#startMs + (this.#arrivals.nextMs ?? Infinity) - performance.now();
    return Math.max(1, Math.min(SWEEP_EVERY_MS, untilDueMs));
  }

  #send(dueMs: number, step: number): void {
    if (step !== this.#step) this.#load.stepBegun?.(step);
    this.#step = step;
    const counts = this.#counts[step]!;
    const sinceMs = this.#startMs + dueMs;
    const done = (told: SendOutcome): void => {
      this.#underWay -= 1;
      const latencyMs = performance.now() - sinceMs;
      // The sweep that gives up may come later than the answer that came too late.
      const outcome = latencyMs > this.#target.deadlineMs ? TIMED_OUT : told;
      counts.done(outcome, latencyMs);
      this.#slices.count(dueMs, isGood(outcome));
    };
    this.#underWay += 1;
    counts.sent(performance.now() - sinceMs);
    this.#turn = (this.#turn + 1) % this.#target.baseUrls.length;
    const deadlineMs = sinceMs + this.#target.deadlineMs;
    this.#sender.send({ node: this.#turn, text: this.#target.nextRequest(), deadlineMs, done });
  }
}

/** `clients` to each node. Resolves with what was answered well, a second. */
export async function runClosedLoop(
  target: LoadTarget,
  { clients, seconds }: { clients: number; seconds: number },
): Promise<number> {
  const sender = new LoadSender(target.baseUrls, { connectionsMax: clients });
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  let good = 0;
  const client = (node: number): Promise<void> =>
    new Promise((resolve) => {
      const next = (): void => {
        if (performance.now() >= endMs) return resolve();
        const done = (outcome: SendOutcome): void => {
          if (isGood(outcome)) good += 1;
          next();
        };
        const deadlineMs = performance.now() + target.deadlineMs;
        sender.send({ node, text: target.nextRequest(), deadlineMs, done });
      };
      next();
    });
  const sweep = setInterval(() => sender.sweep(performance.now()), 10);
  await Promise.all(
    target.baseUrls.flatMap((_, node) => Array.from({ length: clients }, () => client(node))),
  );
  clearInterval(sweep);
  const durationMs = performance.now() - startMs;
  sender.close();
  return (good / durationMs) * 1_000;
}
