import type { ChangeCounts } from "./seen-changes.ts";
import { quantileMs, type SideSummary } from "./operation-log.ts";
import type { RunResult, WorkloadResult } from "./run-result.ts";

/** What was asked of the ring in all of them together. */
export interface ChangeSums extends ChangeCounts {
  readonly asked: number;
  /** Requests to begin or cancel that were not granted or not answered. */
  readonly refused: number;
}

/** Many runs as one row: sums of what was counted, quantiles over all calls, and what so many runs can prove. */
export interface Summary {
  readonly runs: number;
  readonly failedRuns: number;
  readonly counts: Readonly<Record<Count, number>>;
  readonly siblingsMax: number;
  readonly sides: readonly SideRow[];
  /** Over the runs that converged; undefined where none did. */
  readonly convergeMs: { readonly median: number; readonly max: number } | undefined;
}

export interface SideRow {
  readonly side: string;
  readonly calls: number;
  /** Share of the calls during the fault that did what was asked. */
  readonly available: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

const COUNTS = [
  "operations",
  "ok",
  "failed",
  "outside",
  "unknown",
  "reads",
  "staleReads",
  "lost",
  "resurrected",
  "corrupt",
  "twins",
  "wrong",
] as const;
export type Count = (typeof COUNTS)[number];

/** @param workload only this one's counts; all where undefined */
export function summarize(results: readonly RunResult[], workload?: string): Summary {
  const counted = results.flatMap((result) =>
    Object.entries(result.workloads)
      .filter(([name]) => workload === undefined || name === workload)
      .map(([, counts]) => counts),
  );
  const converged = results.flatMap(({ convergeMs }) => convergeMs ?? []).toSorted((a, b) => a - b);
  return {
    runs: results.length,
    failedRuns: results.filter(({ failures }) => failures.length > 0).length,
    counts: Object.fromEntries(COUNTS.map((name) => [name, sumOf(counted, name)])) as Record<Count, number>,
    siblingsMax: Math.max(0, ...counted.map(({ siblingsMax }) => siblingsMax)),
    sides: sideRows(results),
    convergeMs:
      converged.length === 0
        ? undefined
        : { median: converged[Math.floor((converged.length - 1) / 2)]!, max: converged.at(-1)! },
  };
}

export function sumChanges(results: readonly RunResult[]): ChangeSums {
  const changes = results.flatMap((result) => result.changes ?? []);
  const sum = (name: "asked" | keyof ChangeCounts): number =>
    changes.reduce((total, counts) => total + counts[name], 0);
  const refusals = changes.flatMap(({ refused }) => Object.values(refused));
  return {
    asked: sum("asked"),
    begun: sum("begun"),
    flipped: sum("flipped"),
    ended: sum("ended"),
    cancelled: sum("cancelled"),
    refused: refusals.reduce((total, count) => total + count, 0),
  };
}

/**
 * With no failure in n independent runs the chance of one is, at 95 % confidence, below this share ("rule of three"):
 * 3/n, at most 1.
 */
export function failureRateBound(runs: number): number {
  return runs === 0 ? 1 : Math.min(1, 3 / runs);
}

function sumOf(counted: readonly WorkloadResult[], name: Count): number {
  return counted.reduce((sum, counts) => sum + (counts[name] ?? 0), 0);
}

function sideRows(results: readonly RunResult[]): SideRow[] {
  const merged = new Map<string, { operations: number; ok: number; durations: Record<string, number> }>();
  for (const [side, summary] of results.flatMap(({ sides }) => Object.entries(sides))) {
    const into = merged.get(side) ?? { operations: 0, ok: 0, durations: {} };
    merged.set(side, into);
    addTo(into, summary);
  }
  return [...merged].map(([side, { operations, ok, durations }]) => ({
    side,
    calls: operations,
    available: ok / operations,
    medianMs: quantileMs(durations, 0.5) ?? 0,
    p99Ms: quantileMs(durations, 0.99) ?? 0,
  }));
}

function addTo(
  into: { operations: number; ok: number; durations: Record<string, number> },
  { operations, ok, durations }: SideSummary,
): void {
  into.operations += operations;
  into.ok += ok;
  for (const [ms, count] of Object.entries(durations)) into.durations[ms] = (into.durations[ms] ?? 0) + count;
}
