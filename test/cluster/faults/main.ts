import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { enterPrivateNetwork } from "../../private-network.ts";
import { treeCommit } from "../../tree-commit.ts";
import { readSummary } from "../../simulator/exploration-summary.ts";
import { readDetections } from "../../simulator/mutants/detection.ts";
import { allCells, cellName, type Cell } from "./catalogue/all-faults.ts";
import { ClusterPool } from "./cluster-pool.ts";
import { runCell } from "./fault-run.ts";
import { updatedPage } from "./reliability-page.ts";
import { ResultsFile } from "./results-file.ts";
import type { RunResult } from "./run-result.ts";
import { summarize } from "./run-summary.ts";
import { SeededDraw } from "./seeded-draw.ts";

const HELP = `usage: node dist/test/cluster/faults/main.js [--hours 1] [--cells REGEXP] [--seed N] [--fresh] [--page-only] [--output json]

Runs the cells of the fault tests at length, and writes docs/RELIABILITY.md from all results so far. Linux, root or user
namespaces, nft and cc are needed; everything happens in a network of its own.

  --hours N       how long; the run under way is finished (default 1)
  --cells REGEXP  only cells whose names match, such as 'netsplit.*W=2' or 'ring changes'
  --seed N        the order of the cells and the length of the faults (default: another one each time)
  --fresh         put earlier results aside first
  --page-only     run nothing and write the page; without any result the fault tests' parts of it stay as they are
  --output NAME   text (default) or json: a line for each run

Ends with 1 where a run failed, with 2 where it could not start.`;

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const PAGE = path.join(ROOT, "docs/RELIABILITY.md");
const EXPLORATION = path.join(ROOT, "test/simulator/exploration.json");
const HOUR_MS = 3_600_000;
const CONVERGE_MS_MAX = 60_000;
/** A change that is under way is completed first, and what is misplaced then moves once more. */
const CHANGES_CONVERGE_MS_MAX = 180_000;
const DURATION_MS: readonly [number, number] = [3_000, 7_000];
/** A change takes some seconds. */
const CHANGES_DURATION_MS: readonly [number, number] = [6_000, 14_000];
const ROUND_PARTS = 3;

interface Options {
  readonly hours: number;
  readonly cells: RegExp;
  readonly seed: number;
  readonly json: boolean;
  readonly fresh: boolean;
  readonly pageOnly: boolean;
  readonly help: boolean;
}

function optionsFrom(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      hours: { type: "string", default: "1" },
      cells: { type: "string", default: "" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      output: { type: "string", default: "text" },
      fresh: { type: "boolean", default: false },
      "page-only": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [hours, seed] = [Number(values.hours), Number(values.seed)];
  if (!(hours > 0)) throw new Error(`--hours ${values.hours}: say how long, e.g. --hours 0.5`);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: a whole number is needed`);
  if (!["text", "json"].includes(values.output)) throw new Error(`--output ${values.output}: text or json`);
  const cells = new RegExp(values.cells);
  if (!allCells.some((cell) => cells.test(cellName(cell)))) {
    throw new Error(`--cells ${values.cells} matches none of:\n  ${allCells.map(cellName).join("\n  ")}`);
  }
  const { fresh, "page-only": pageOnly, help } = values;
  return { hours, cells, seed, json: values.output === "json", fresh, pageOnly, help };
}

async function main(args: readonly string[]): Promise<void> {
  const options = optionsFrom(args);
  if (options.help) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  const file = new ResultsFile(path.join(ROOT, ".local/faults/results.jsonl"));
  if (!options.pageOnly) {
    await enterPrivateNetwork();
    const aside = options.fresh ? file.setAside() : undefined;
    if (aside !== undefined) say(options, `earlier results are in ${aside}`);
    const failed = await runFor(options, file);
    process.exitCode = failed === 0 ? 0 : 1;
  }
  const results = file.read();
  writePage(results);
  if (results.length === 0) {
    say(
      options,
      `no result in ${file.path}: what docs/RELIABILITY.md shows of the fault tests stays; the rest is written`,
    );
    return;
  }
  const { runs, failedRuns, counts } = summarize(results);
  if (options.json) process.stdout.write(`${JSON.stringify({ runs, failedRuns, ...counts })}\n`);
  const { operations, lost, resurrected, corrupt } = counts;
  say(
    options,
    `all in all: ${runs} runs, ${failedRuns} failed, ${operations} operations, ` +
      `${lost} lost, ${resurrected} resurrected, ${corrupt} corrupt; see docs/RELIABILITY.md`,
  );
}

/** Cycles through the cells, each round in another order, until the time is over. Answers how many runs failed. */
async function runFor(options: Options, file: ResultsFile): Promise<number> {
  const draw = new SeededDraw(options.seed);
  const cells = allCells.filter((cell) => options.cells.test(cellName(cell)));
  const untilMs = performance.now() + options.hours * HOUR_MS;
  // Once: what was compiled before the first run is what runs to the end.
  const commit = treeCommit(ROOT);
  const pool = new ClusterPool();
  let [done, failed] = [0, 0];
  const stop = new AbortController();
  // The run under way is finished first; a second signal ends this process at once.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  say(
    options,
    `${cells.length} cells, seed ${options.seed}, ${options.hours} h, commit ${commit}, results in ${file.path}`,
  );
  try {
    const isOver = (): boolean => performance.now() >= untilMs || stop.signal.aborted;
    while (!isOver()) {
      for (const cell of inOrder(cells, draw)) {
        if (isOver()) break;
        done += 1;
        const result = await runOne(pool, { cell, draw, commit });
        file.append(result);
        if (result.failures.length > 0) failed += 1;
        tell(options, `${done}`, result);
        if (result.failures.length > 0) say(options, `  the nodes' files: ${await pool.discard()}`);
      }
    }
  } finally {
    await pool.close();
  }
  return failed;
}

/**
 * Shuffled, but cells that can share a cluster (the same kind of disks, all with or all without ring changes) stay together in
 * each of some parts of the round: one that is broken off has had something of every kind.
 */
function inOrder(cells: readonly Cell[], draw: SeededDraw): Cell[] {
  const shuffled = draw.shuffled(cells);
  return Array.from({ length: ROUND_PARTS }, (_, part) =>
    shuffled.filter((_cell, i) => i % ROUND_PARTS === part),
  ).flatMap((some) =>
    ["plain", "small", "volatile"].flatMap((disks) =>
      [false, true].flatMap((changes) =>
        some.filter((cell) => cell.fault.disks === disks && cell.changes === changes),
      ),
    ),
  );
}

async function runOne(
  pool: ClusterPool,
  { cell, draw, commit }: { cell: Cell; draw: SeededDraw; commit: string },
): Promise<RunResult> {
  const usualMs = cell.changes ? CHANGES_DURATION_MS : DURATION_MS;
  const faultMs = Math.round(draw.between(...(cell.fault.durationMs ?? usualMs)));
  const cluster = await pool.take(cell);
  const convergeMsMax = cell.changes ? CHANGES_CONVERGE_MS_MAX : CONVERGE_MS_MAX;
  return { ...(await runCell(cluster, cell, { faultMs, convergeMsMax })), commit };
}

function tell(options: Options, number: string, result: RunResult): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { counts, sides } = summarize([result]);
  const { operations, lost, resurrected, corrupt, staleReads } = counts;
  const available = sides
    .map(({ side, available: share }) => `${side} ${(100 * share).toFixed(1)} %`)
    .join(", ");
  const converged = result.convergeMs === null ? "did not converge" : `converged in ${result.convergeMs} ms`;
  const changed = result.changes;
  const changes =
    changed === undefined
      ? ""
      : `; ${changed.begun} changes begun, ${changed.ended} ended, ${changed.cancelled} cancelled`;
  const verdict = result.failures.length === 0 ? "ok" : "FAILED";
  say(
    options,
    `${number} ${verdict}: ${result.fault}, W=${result.w}${changed === undefined ? "" : ", ring changes"}, ${result.faultMs} ms: ${operations} operations, ` +
      `${lost} lost, ${resurrected} resurrected, ${corrupt} corrupt, ${staleReads} stale; ${available}; ${converged}${changes}`,
  );
  for (const failure of result.failures.slice(0, 5)) say(options, `  ${failure}`);
}

function say(options: Options, line: string): void {
  (options.json ? process.stderr : process.stdout).write(`${line}\n`);
}

function writePage(results: readonly RunResult[]): void {
  const data = { results, plantedBugs: readDetections(), exploration: readSummary(EXPLORATION) };
  writeFileSync(PAGE, updatedPage(readFileSync(PAGE, "utf8"), data));
  spawnSync(path.join(ROOT, "node_modules/.bin/prettier"), ["--write", "--log-level", "warn", PAGE], {
    stdio: "inherit",
  });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`faults: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
