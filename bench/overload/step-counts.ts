import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { SendOutcome } from "./load-sender.ts";

/**
 * What became of the requests of one step, each counted in the step in which it was due. Latency runs from when it
 * was due, not from when it was sent: a generator or a server that falls behind cannot hide it ("coordinated
 * omission"). Histograms are Node's HdrHistogram, three digits.
 */
export interface StepResult {
  readonly offeredPerSecond: number;
  readonly seconds: number;
  readonly due: number;
  /** Answered 2xx within the deadline. */
  readonly good: number;
  readonly goodPerSecond: number;
  /** 503 with Retry-After. */
  readonly refused: number;
  /** Any other answer, among them a 503 without Retry-After. */
  readonly otherAnswers: Readonly<Record<string, number>>;
  readonly timedOut: number;
  readonly connectionFailed: number;
  /** Milliseconds; null where there were none. */
  readonly goodMs: Quantiles | null;
  readonly refusedMs: Quantiles | null;
  /** How late the generator itself sent: what it adds to every figure above. */
  readonly sendLagMs: Quantiles | null;
  readonly sentLate: number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Sent later than this after it was due, a request counts as late. */
export const SENT_LATE_MS = 10;

export class StepCounts {
  #due = 0;
  #good = 0;
  #refused = 0;
  #timedOut = 0;
  #connectionFailed = 0;
  #sentLate = 0;
  readonly #otherAnswers: Record<string, number> = {};
  readonly #goodUs = histogram();
  readonly #refusedUs = histogram();
  readonly #lagUs = histogram();

  sent(lagMs: number): void {
    this.#due += 1;
    if (lagMs > SENT_LATE_MS) this.#sentLate += 1;
    record(this.#lagUs, lagMs);
  }

  done(outcome: SendOutcome, latencyMs: number): void {
    if (outcome.kind === "timed_out") this.#timedOut += 1;
    else if (outcome.kind === "connection_failed") this.#connectionFailed += 1;
    else if (isGood(outcome)) {
      this.#good += 1;
      record(this.#goodUs, latencyMs);
    } else if (outcome.answer.status === 503 && outcome.answer.retryAfter) {
      this.#refused += 1;
      record(this.#refusedUs, latencyMs);
    } else {
      const status = String(outcome.answer.status);
      this.#otherAnswers[status] = (this.#otherAnswers[status] ?? 0) + 1;
    }
  }

  result({ ratePerSecond, seconds }: { ratePerSecond: number; seconds: number }): StepResult {
    return {
      offeredPerSecond: ratePerSecond,
      seconds,
      due: this.#due,
      good: this.#good,
      goodPerSecond: this.#good / seconds,
      refused: this.#refused,
      otherAnswers: this.#otherAnswers,
      timedOut: this.#timedOut,
      connectionFailed: this.#connectionFailed,
      goodMs: quantiles(this.#goodUs),
      refusedMs: quantiles(this.#refusedUs),
      sendLagMs: quantiles(this.#lagUs),
      sentLate: this.#sentLate,
    };
  }
}

export function isGood(outcome: SendOutcome): boolean {
  return outcome.kind === "answered" && outcome.answer.status >= 200 && outcome.answer.status < 300;
}

function histogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: 600_000_000, figures: 3 });
}

function record(histogramUs: RecordableHistogram, ms: number): void {
  histogramUs.record(Math.max(1, Math.round(ms * 1_000)));
}

function quantiles(histogramUs: RecordableHistogram): Quantiles | null {
  if (histogramUs.count === 0) return null;
  const ms = (percentile: number): number => histogramUs.percentile(percentile) / 1_000;
  return { p50: ms(50), p99: ms(99), max: histogramUs.max / 1_000 };
}
