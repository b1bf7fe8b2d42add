/**
 * How each call of the workloads ended and how long it took, by the side of the fault that it was made on: what
 * availability during a fault is computed from. Times are milliseconds of `performance.now()`.
 */
export interface Operation {
  readonly side: string;
  readonly workload: string;
  readonly kind: "read" | "write";
  readonly startedMs: number;
  readonly endedMs: number;
  /**
   * ok: as asked for. refused: certainly without effect. unknown: no answer, or one that says "maybe". outside: refused
   * by a node that is no member of the ring, which a load balancer that asks who is ready would not have been sent to.
   */
  readonly outcome: "ok" | "refused" | "unknown" | "outside";
}

/** Durations of calls by outcome, in whole milliseconds: enough for quantiles over many runs. */
export interface SideSummary {
  readonly operations: number;
  readonly ok: number;
  /** Milliseconds to count. All calls, refused ones included. */
  readonly durations: Readonly<Record<string, number>>;
}

export class OperationLog {
  readonly #operations: Operation[] = [];

  add(operation: Operation): void {
    this.#operations.push(operation);
  }

  all(): readonly Operation[] {
    return this.#operations;
  }

  /** Of the calls that began in [fromMs, toMs), by side, without those to nodes outside. A side without a call has no entry. */
  summary(fromMs: number, toMs: number): Record<string, SideSummary> {
    const summaries: Record<string, { operations: number; ok: number; durations: Record<string, number> }> =
      {};
    for (const { side, startedMs, endedMs, outcome } of this.#operations) {
      if (startedMs < fromMs || startedMs >= toMs || outcome === "outside") continue;
      const summary = (summaries[side] ??= { operations: 0, ok: 0, durations: {} });
      summary.operations += 1;
      if (outcome === "ok") summary.ok += 1;
      const ms = String(Math.round(endedMs - startedMs));
      summary.durations[ms] = (summary.durations[ms] ?? 0) + 1;
    }
    return summaries;
  }
}

/** The least duration that `share` of all calls did not exceed; undefined without a call. */
export function quantileMs(durations: Readonly<Record<string, number>>, share: number): number | undefined {
  const entries = Object.entries(durations)
    .map(([ms, count]) => ({ ms: Number(ms), count }))
    .toSorted((a, b) => a.ms - b.ms);
  const total = entries.reduce((sum, { count }) => sum + count, 0);
  let passed = 0;
  for (const { ms, count } of entries) {
    passed += count;
    if (passed >= share * total) return ms;
  }
  return undefined;
}
