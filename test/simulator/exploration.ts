import type { Mark } from "./coverage-marks.ts";
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
  /** Ends the exploration after the seed under way; what was seen until then is answered. */
  readonly signal?: AbortSignal | undefined;
  /** After each seed. */
  readonly progress: (so: Exploration) => void;
}

/** How far an exploration has come. */
export interface ExplorationProgress {
  readonly seeds: number;
  readonly violated: number;
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
  signal,
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
    if (signal === undefined) continue;
    // A seed is microtasks and little else: without this no signal would be seen before the last one.
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) break;
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

/** Those of the situations that an exploration never was in. */
export function missingMarks({ marks }: Exploration, wanted: readonly Mark[]): Mark[] {
  return wanted.filter((mark) => (marks[mark] ?? 0) === 0);
}
