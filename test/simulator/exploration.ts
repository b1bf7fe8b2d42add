import { CoverageMarks, type Mark } from "./coverage-marks.ts";
import { simulate } from "./simulation.ts";
import type { Violation } from "./violation.ts";

/** Many seeds, and what came of them. Plain data: child processes send it to their parent. */
export interface Exploration {
  seeds: number;
  operations: number;
  acknowledged: number;
  events: number;
  virtualMs: number;
  reads: number;
  staleReads: number;
  /** Of each seed that converged, how long it took after the last fault. */
  readonly convergedMs: number[];
  readonly failed: { readonly seed: number; readonly violations: readonly Violation[] }[];
  readonly marks: Partial<Record<Mark, number>>;
}

export interface ExplorationRange {
  readonly from: number;
  readonly count: number;
  readonly stopAtFirst: boolean;
  readonly progress: (so: Exploration) => void;
}

export function emptyExploration(): Exploration {
  return {
    seeds: 0,
    operations: 0,
    acknowledged: 0,
    events: 0,
    virtualMs: 0,
    reads: 0,
    staleReads: 0,
    convergedMs: [],
    failed: [],
    marks: {},
  };
}

export async function explore({
  from,
  count,
  stopAtFirst,
  progress,
}: ExplorationRange): Promise<Exploration> {
  const sum = emptyExploration();
  for (let seed = from; seed < from + count; seed++) {
    const report = await simulate(seed);
    sum.seeds += 1;
    sum.operations += report.operations;
    sum.acknowledged += report.acknowledged;
    sum.events += report.events;
    sum.virtualMs += report.virtualMs;
    sum.reads += report.reads;
    sum.staleReads += report.staleReads;
    if (report.convergedMs !== undefined) sum.convergedMs.push(Math.round(report.convergedMs));
    addMarks(sum.marks, report.marks.counts());
    if (report.violations.length > 0) sum.failed.push({ seed, violations: report.violations });
    progress(sum);
    if (stopAtFirst && sum.failed.length > 0) break;
  }
  return sum;
}

export function addExploration(sum: Exploration, part: Exploration): void {
  sum.seeds += part.seeds;
  sum.operations += part.operations;
  sum.acknowledged += part.acknowledged;
  sum.events += part.events;
  sum.virtualMs += part.virtualMs;
  sum.reads += part.reads;
  sum.staleReads += part.staleReads;
  sum.convergedMs.push(...part.convergedMs);
  sum.failed.push(...part.failed);
  addMarks(sum.marks, part.marks);
}

function addMarks(sum: Partial<Record<Mark, number>>, part: Partial<Record<Mark, number>>): void {
  for (const [mark, count] of Object.entries(part) as [Mark, number][]) sum[mark] = (sum[mark] ?? 0) + count;
}

/** Situations that an exploration never was in. */
export function missingMarks({ marks }: Exploration): Mark[] {
  return CoverageMarks.required().filter((mark) => (marks[mark] ?? 0) === 0);
}
