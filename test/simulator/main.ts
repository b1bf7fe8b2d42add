import { parseArgs } from "node:util";
import { type Exploration, explore, missingMarks } from "./exploration.ts";
import { exploreInChildren } from "./child-exploration.ts";
import { huntMutants } from "./mutants/hunt.ts";
import { describe, scenarioOf } from "./scenario.ts";
import { simulate } from "./simulation.ts";

const HELP = `DynamoKV's simulator: the core on virtual time, networks, disks and threads.

  npm run sim -- --seed N             replay one seed and print its trace and verdict
  npm run sim -- --seeds COUNT        explore seeds; exits with 1 where one is violated
      [--from N] [--jobs J]             the first seed (1), processes (1)
  npm run sim -- --mutants            plant each known bug in a copy of the sources: all must be caught
      [--seeds COUNT] [--only NAME]     seeds to try on each (400), one bug only
  --quiet                             with --seed: no trace
  --json                              the result as one line of JSON
`;

/** Seeds that are described one by one. */
const SHOWN_MAX = 20;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string" },
    jobs: { type: "string" },
    only: { type: "string" },
    mutants: { type: "boolean" },
    quiet: { type: "boolean" },
    verbose: { type: "boolean" },
    json: { type: "boolean" },
    "stop-at-first": { type: "boolean" },
    help: { type: "boolean" },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  if (values.mutants === true) return huntMutants({ seeds: count("seeds", 400), only: values.only });
  if (values.seed !== undefined) return replay(count("seed", 1));
  if (values.seeds !== undefined) return run();
  process.stdout.write(HELP);
  return values.help === true ? 0 : 2;
}

async function replay(seed: number): Promise<number> {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`seed ${seed}: ${describe(scenarioOf(seed))}`);
  const report = await simulate(seed, values.quiet === true ? undefined : print);
  print(`trace ${report.traceHash}, ${report.events} events, ${report.operations} operations`);
  for (const { kind, atMs, detail } of report.violations)
    print(`VIOLATED at ${atMs.toFixed(3)} ms ${kind}: ${detail}`);
  print(report.violations.length === 0 ? "no violation" : `${report.violations.length} violations`);
  return report.violations.length === 0 ? 0 : 1;
}

async function run(): Promise<number> {
  const startedMs = performance.now();
  const range = {
    from: count("from", 1),
    count: count("seeds", 100),
    stopAtFirst: values["stop-at-first"] === true,
  };
  const jobs = count("jobs", 1);
  const progress = (so: Exploration): void => {
    if (values.json !== true) showProgress(so, performance.now() - startedMs);
  };
  const result = await (jobs > 1
    ? exploreInChildren(range, jobs, progress)
    : explore({ ...range, progress }));
  if (values.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else summarize(result, performance.now() - startedMs);
  return result.failed.length === 0 ? 0 : 1;
}

function showProgress({ seeds, failed }: Exploration, elapsedMs: number): void {
  if (seeds % 20 !== 0) return;
  const line = `${seeds} seeds, ${(seeds / (elapsedMs / 1_000)).toFixed(1)}/s, ${failed.length} violated`;
  process.stderr.write(process.stderr.isTTY ? `\r${line} ` : seeds % 500 === 0 ? `${line}\n` : "");
}

function summarize(result: Exploration, elapsedMs: number): void {
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const { seeds, operations, acknowledged, events, virtualMs, failed, marks } = result;
  print(
    `\n${seeds} seeds in ${(elapsedMs / 1_000).toFixed(0)} s: ${operations} operations (${acknowledged} writes`,
  );
  print(`acknowledged), ${events} events, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours`);
  for (const [mark, hits] of Object.entries(marks).sort(([a], [b]) => (a < b ? -1 : 1)))
    print(`  sometimes ${mark}: ${hits}`);
  for (const mark of missingMarks(result)) print(`  NEVER ${mark}`);
  print(`stale reads: ${result.staleReads} of ${result.reads}; ${convergence(result.convergedMs)}`);
  for (const { seed, violations } of failed.slice(0, SHOWN_MAX)) {
    const first = violations[0]!;
    print(`seed ${seed} VIOLATED ${first.kind}: ${first.detail}`);
    print(`  replay: npm run sim -- --seed ${seed}`);
  }
  print(failed.length === 0 ? "no violation" : `${failed.length} of ${seeds} seeds violated`);
}

function convergence(timesMs: readonly number[]): string {
  const sorted = [...timesMs].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return `converged after the last fault in ${at(0.5)} ms (median), ${at(0.99)} ms (99 %), ${at(1)} ms (longest)`;
}

function count(name: "seed" | "seeds" | "from" | "jobs", otherwise: number): number {
  const text = values[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} must be a whole number, not ${JSON.stringify(text)}\n`);
  return process.exit(2);
}
