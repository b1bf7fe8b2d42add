import { join } from "node:path";
import { parseArgs } from "node:util";
import { treeCommit } from "../tree-commit.ts";
import { exploreInChildren } from "./child-exploration.ts";
import { type Exploration, type ExplorationProgress, explore } from "./exploration.ts";
import {
  type ExplorationSummary,
  isCutShort,
  SEEDS_FOR_MARKS,
  shortcomings,
  summaryLine,
  summaryOf,
  writeSummary,
} from "./exploration-summary.ts";
import { huntMutants } from "./mutants/hunt.ts";
import { ROOT } from "./mutants/mutated-build.ts";
import { shrinkMutant } from "./mutants/shrink-mutant.ts";
import { describe, scenarioOf } from "./scenario.ts";
import { describeRegression, readRegression, writeRegression } from "./regression.ts";
import type { Schedule } from "./schedule.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

const HELP = `DynamoKV's simulator: the core on virtual time, networks, disks and threads.

  npm run sim -- --seed N             replay one seed and print its trace and verdict
  npm run sim -- --seeds COUNT        explore seeds; exits with 1 where one is violated, where it was cut short, and where
                                      ${SEEDS_FOR_MARKS} seeds or more were never in one of the situations they must be in
      [--from N] [--jobs J]             the first seed (1), processes (1)
      [--write]                         keep the summary in test/simulator/exploration.json
  npm run sim -- --mutants            plant each known bug in a copy of the sources: all must be caught
      [--seeds COUNT] [--only A,B]      seeds to try on each (400), these bugs only
      [--jobs J] [--write]              bugs at once (1); put it into test/simulator/mutants/detections.json
  npm run sim -- --shrink N           make the failing seed N small
      [--out FILE] [--only NAME]        keep it as a regression; with this bug planted
  npm run sim -- --replay FILE        run a regression
  --quiet                             with --seed: no trace
  --json                              the result as one line of JSON

An exploration or hunt that gets SIGINT or SIGTERM ends after the seeds under way and tells what it has seen.
`;

/** Seeds that are described one by one. */
const SHOWN_MAX = 20;
const SHRINK_RUNS_MAX = 1_500;
const EXPLORATION = join(ROOT, "test/simulator/exploration.json");
/** How often progress is told: on a terminal the line is written over. */
const [TERMINAL_PROGRESS_MS, LOG_PROGRESS_MS] = [250, 15_000];
/** So often a child process tells its parent. */
const SEEDS_PER_MESSAGE = 10;
let failuresShown = 0;
let progressShownMs = 0;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string" },
    jobs: { type: "string" },
    only: { type: "string" },
    shrink: { type: "string" },
    out: { type: "string" },
    replay: { type: "string" },
    mutants: { type: "boolean" },
    write: { type: "boolean" },
    quiet: { type: "boolean" },
    verbose: { type: "boolean" },
    json: { type: "boolean" },
    "stop-at-first": { type: "boolean" },
    help: { type: "boolean" },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  if (values.mutants === true)
    return huntMutants({
      seeds: count("seeds", 400),
      only: values.only?.split(","),
      jobs: Math.max(1, count("jobs", 1)),
      write: values.write === true,
      signal: stopSignal(),
    });
  if (values.shrink !== undefined) return shrinkSeed(count("shrink", 1));
  if (values.replay !== undefined) return replay(readRegression(values.replay).schedule);
  if (values.seed !== undefined) return replay(count("seed", 1));
  if (values.seeds !== undefined) return run();
  process.stdout.write(HELP);
  return values.help === true ? 0 : 2;
}

async function shrinkSeed(seed: number): Promise<number> {
  if (values.only !== undefined) return shrinkMutant(values.only, seed, values.out);
  const progress = (parts: number, runs: number): void =>
    void process.stderr.write(`${parts} operations and faults left after ${runs} runs\n`);
  const shrunk = await shrink(seed, { runsMax: SHRINK_RUNS_MAX, progress });
  if (shrunk === undefined) process.stderr.write(`seed ${seed} breaks no promise\n`);
  else {
    const regression = { seed, plantedBug: undefined, ...shrunk };
    process.stdout.write(`${describeRegression(regression)}\n`);
    if (values.out !== undefined) writeRegression(values.out, regression);
  }
  return shrunk === undefined ? 1 : 0;
}

async function replay(what: number | Schedule): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const name = typeof what === "number" ? `seed ${what}` : "schedule";
  print(`${name}: ${describe(typeof what === "number" ? scenarioOf(what) : what.scenario)}`);
  const report = await simulate(what, values.quiet === true ? undefined : print);
  print(`trace ${report.traceHash}, ${report.events} events, ${report.operations} operations`);
  for (const { kind, atMs, detail } of report.violations)
    print(`VIOLATED at ${atMs.toFixed(3)} ms ${kind}: ${detail}`);
  print(report.violations.length === 0 ? "no violation" : `${report.violations.length} violations`);
  return report.violations.length === 0 ? 0 : 1;
}

/** Of SIGINT and SIGTERM. Either of them for a second time ends this process at once. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  return stop.signal;
}

async function run(): Promise<number> {
  const startedMs = performance.now();
  const commit = treeCommit(ROOT);
  const range = {
    from: count("from", 1),
    count: count("seeds", 100),
    stopAtFirst: values["stop-at-first"] === true,
    signal: stopSignal(),
  };
  if (values.write === true && range.count < SEEDS_FOR_MARKS) {
    process.stderr.write(`--write keeps explorations of ${SEEDS_FOR_MARKS} seeds or more\n`);
    return 2;
  }
  const jobs = count("jobs", 1);
  const show = (so: ExplorationProgress): void =>
    showProgress(so, range.count, performance.now() - startedMs);
  const progress = (so: Exploration): void => {
    // Child processes name theirs themselves, as soon as they know.
    showFailures(so);
    show({ seeds: so.seeds, violated: so.failed.length });
  };
  const result = await (jobs > 1 ? exploreInChildren(range, jobs, show) : explore({ ...range, progress }));
  const summary = summaryOf(result, { ...range, at: new Date().toISOString(), commit });
  if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else tell(result, summary, performance.now() - startedMs);
  if (values.write === true) keep(summary);
  return shortcomings(summary).length === 0 ? 0 : 1;
}

/** What was cut short would take the place of more than it shows. */
function keep(summary: ExplorationSummary): void {
  if (isCutShort(summary)) process.stderr.write(`cut short: ${EXPLORATION} is left as it is\n`);
  else writeSummary(EXPLORATION, summary);
}

/** A violated seed is named at once: a long exploration may be cut. */
function showFailures({ failed }: Exploration): void {
  for (const { seed, violations } of failed.slice(failuresShown))
    process.stderr.write(`seed ${seed} ${violations[0]!.kind}: ${violations[0]!.detail}\n`);
  failuresShown = failed.length;
}

function showProgress({ seeds, violated }: ExplorationProgress, asked: number, elapsedMs: number): void {
  // A child has a parent to tell.
  if (process.connected && seeds % SEEDS_PER_MESSAGE === 0) process.send?.({ seeds, violated });
  const everyMs = process.stderr.isTTY ? TERMINAL_PROGRESS_MS : LOG_PROGRESS_MS;
  if (values.json === true || elapsedMs - progressShownMs < everyMs) return;
  progressShownMs = elapsedMs;
  const line = `${seeds} of ${asked} seeds, ${(seeds / (elapsedMs / 1_000)).toFixed(1)}/s, ${violated} violated`;
  process.stderr.write(process.stderr.isTTY ? `\r${line} ` : `${line}\n`);
}

function tell(result: Exploration, summary: ExplorationSummary, elapsedMs: number): void {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const { virtualMs, failed, marks } = result;
  print(`\n${(elapsedMs / 1_000).toFixed(0)} s, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours`);
  for (const [mark, hits] of Object.entries(marks).sort(([a], [b]) => (a < b ? -1 : 1)))
    print(`  sometimes ${mark}: ${hits}`);
  for (const mark of summary.marksNeverHit) print(`  NEVER ${mark}`);
  print(`stale reads: ${result.staleReads} of ${result.reads}; ${convergence(result.convergedMs)}`);
  for (const { seed, violations } of failed.slice(0, SHOWN_MAX)) {
    const first = violations[0]!;
    print(`seed ${seed} VIOLATED ${first.kind}: ${first.detail}`);
    print(`  replay: npm run sim -- --seed ${seed}`);
  }
  print(summaryLine(summary));
  const trouble = shortcomings(summary);
  print(trouble.length === 0 ? "no violation" : trouble.join("\n"));
}

function convergence(timesMs: readonly number[]): string {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return `converged after the last fault in ${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms (longest)`;
}

function count(name: "seed" | "seeds" | "from" | "jobs" | "shrink", otherwise: number): number {
  const text = values[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a whole number, not ${JSON.stringify(text)}\n`);
  return process.exit(2);
}
