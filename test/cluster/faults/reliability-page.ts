import { type ExplorationSummary, shortcomings } from "../../simulator/exploration-summary.ts";
import type { Detection } from "../../simulator/mutants/detection.ts";
import { allCells, allFaults, cellName } from "./catalogue/all-faults.ts";
import { failureRateBound, sumChanges, summarize, type Summary } from "./run-summary.ts";
import type { RunResult } from "./run-result.ts";

/**
 * The generated parts of docs/RELIABILITY.md. The page itself is written by people; between
 * `<!-- generated: NAME -->` and `<!-- end -->` stands what is made here of results, and nothing else is touched.
 */
export interface PageData {
  /** Where there are none, what the page shows of earlier ones stays: they lie on the machine that made them. */
  readonly results: readonly RunResult[];
  readonly plantedBugs: readonly Detection[];
  /** The simulator's last long exploration; undefined where none was kept. */
  readonly exploration: ExplorationSummary | undefined;
}

/** Throws where the page lacks a part or does not close it. */
export function updatedPage(page: string, data: PageData): string {
  let text = page;
  for (const [name, content] of Object.entries(partsOf(data))) {
    const [start, end] = [`<!-- generated: ${name} -->`, "<!-- end -->"];
    const from = text.indexOf(start);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) throw new Error(`the page has no part "${start} … ${end}"`);
    text = `${text.slice(0, from + start.length)}\n\n${content}\n\n${text.slice(to)}`;
  }
  return text;
}

function partsOf({ results, plantedBugs, exploration }: PageData): Record<string, string> {
  return {
    faults: table(
      ["fault", "what happens", "W"],
      allFaults.map(({ name, about, writeQuorums }) => [name, about, writeQuorums.join(", ")]),
    ),
    ...(results.length === 0 ? {} : partsOfResults(results)),
    exploration: explored(exploration),
    "planted bugs": plantedBugsTable(plantedBugs),
  };
}

function partsOfResults(results: readonly RunResult[]): Record<string, string> {
  return {
    totals: totals(results),
    safety: byCell(results, safetyHeads, safetyRow),
    availability: availability(results),
    "ring changes": ringChanges(results),
    workloads: workloads(results),
  };
}

function explored(summary: ExplorationSummary | undefined): string {
  if (summary === undefined)
    return 'No exploration kept yet: `make sim ARGS="--seeds 20000 --jobs 2 --write"`.';
  const { at, commit, firstSeed, lastSeed, seeds, operations, acknowledgedWrites, events, violated } =
    summary;
  const trouble = shortcomings(summary);
  return (
    `${seeds} seeds (${firstSeed} to ${lastSeed}) on ${at.slice(0, 10)}, commit \`${commit}\`: **${violated.length} ` +
    `violated**, ${operations} operations (${acknowledgedWrites} acknowledged writes), ${events} events; ` +
    (trouble.length === 0 ? marksHit(summary) : `**${trouble.join("; ")}**.`)
  );
}

/** Fewer seeds than the rare situations need may have missed some of them. */
function marksHit({ marksNeverHit }: ExplorationSummary): string {
  if (marksNeverHit.length === 0) return "every coverage mark was hit.";
  return `every coverage mark was hit but rare ones: ${marksNeverHit.join(", ")}.`;
}

function plantedBugsTable(detections: readonly Detection[]): string {
  const caught = detections.filter(({ seed }) => seed !== null).length;
  const rows = detections.map(({ name, breaks, seed, caughtBy, seedsTried, commit }) => [
    `\`${name}\``,
    breaks,
    seed === null ? `**not caught** in ${seedsTried} seeds` : String(seed),
    seed === null ? "" : `\`${caughtBy}\``,
    commit,
  ]);
  const heads = ["planted bug", "what it breaks", "caught at seed", "by", "commit"];
  return `${caught} of ${detections.length} caught.\n\n${table(heads, rows)}`;
}

function totals(results: readonly RunResult[]): string {
  const { counts, runs, failedRuns } = summarize(results);
  const days = results.map(({ at }) => at.slice(0, 10)).toSorted();
  const versions = [...new Set(results.map(({ nodeVersion }) => nodeVersion))].toSorted().join(", ");
  const faults = duration(results.reduce((sum, { faultMs }) => sum + faultMs, 0));
  const when = days[0] === days.at(-1) ? `on ${days[0]}` : `from ${days[0]} to ${days.at(-1)}`;
  return (
    `${runs} runs ${when} (Node.js ${versions}, ${commits(results)}), ${wallTime(results)}, of it ${faults} under faults, ` +
    `${counts.operations} operations: ` +
    `**${counts.lost} lost, ${counts.resurrected} resurrected, ${counts.corrupt} corrupt**, ${counts.wrong} otherwise ` +
    `wrong; ${failedRuns} runs failed for any reason. Over all cells a run fails with a chance below ` +
    `${percent(failureRateBound(runs))} (95 % confidence).`
  );
}

/** Runs of several programs may add up; each is named. */
function commits(results: readonly RunResult[]): string {
  const known = [...new Set(results.flatMap(({ commit }) => commit ?? []))].toSorted();
  const unknown = results.filter(({ commit }) => commit === undefined).length;
  if (known.length === 0) return "commit not noted";
  const named = `${known.length > 1 ? "commits" : "commit"} ${known.map((commit) => `\`${commit}\``).join(", ")}`;
  return unknown === 0 ? named : `${named}; of ${unknown} runs not noted`;
}

function wallTime(results: readonly RunResult[]): string {
  const timed = results.flatMap(({ wallMs }) => wallMs ?? []);
  if (timed.length === 0) return "not timed as a whole";
  const total = duration(timed.reduce((sum, ms) => sum + ms, 0));
  const untimed = results.length - timed.length;
  return untimed === 0 ? `${total} in all` : `${total} in all without ${untimed} runs that were not timed`;
}

/** To the minute; hours from two of them on. */
function duration(ms: number): string {
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} minutes` : `${(ms / 3_600_000).toFixed(1)} hours`;
}

const safetyHeads = [
  "cell",
  "runs",
  "operations",
  "ok",
  "failed",
  "unknown",
  "lost",
  "resurrected",
  "corrupt",
  "wrong",
  "failed runs",
  "twins",
  "stale reads",
  "most siblings",
  "failure rate below",
];

function safetyRow({ runs, failedRuns, counts, siblingsMax }: Summary): string[] {
  const { operations, ok, failed, unknown, lost, resurrected, corrupt, wrong } = counts;
  const stale = counts.reads === 0 ? "" : percent(counts.staleReads / counts.reads);
  const bound = failedRuns > 0 ? "" : percent(failureRateBound(runs));
  return [
    ...[
      runs,
      operations,
      ok,
      failed,
      unknown,
      lost,
      resurrected,
      corrupt,
      wrong,
      failedRuns,
      counts.twins,
    ].map(String),
    stale,
    String(siblingsMax),
    bound,
  ];
}

function byCell(
  results: readonly RunResult[],
  heads: readonly string[],
  row: (summary: Summary) => string[],
): string {
  const rows = allCells.map((cell) => {
    const ofCell = results.filter(
      (result) =>
        result.fault === cell.fault.name && result.w === cell.w && hasChanges(result) === cell.changes,
    );
    return [cellName(cell), ...row(summarize(ofCell))];
  });
  return table(heads, rows);
}

/** By fault: W changes little here, and the table is long enough. */
function availability(results: readonly RunResult[]): string {
  const kinds = allFaults.flatMap(({ name }) => [false, true].map((changes) => ({ name, changes })));
  const rows = kinds.flatMap(({ name, changes }) => {
    const { sides, convergeMs } = summarize(
      results.filter((result) => result.fault === name && hasChanges(result) === changes),
    );
    const converge =
      convergeMs === undefined ? ["", ""] : [seconds(convergeMs.median), seconds(convergeMs.max)];
    return sides.map(({ side, calls, available, medianMs, p99Ms }, i) => [
      i === 0 ? `${name}${changes ? ", ring changes" : ""}` : "",
      side,
      String(calls),
      percent(available),
      `${medianMs} ms`,
      `${p99Ms} ms`,
      ...(i === 0 ? converge : ["", ""]),
    ]);
  });
  const heads = [
    "fault",
    "clients at",
    "calls",
    "available",
    "median",
    "p99",
    "converged: median",
    "converged: max",
  ];
  return table(heads, rows);
}

function hasChanges({ changes }: RunResult): boolean {
  return changes !== undefined;
}

function ringChanges(results: readonly RunResult[]): string {
  const changing = results.filter(hasChanges);
  const row = (name: string, some: readonly RunResult[]): string[] => {
    const { asked, begun, flipped, ended, cancelled, refused } = sumChanges(some);
    const { outside } = summarize(some).counts;
    return [name, ...[some.length, asked, begun, flipped, ended, cancelled, refused, outside].map(String)];
  };
  const heads = [
    "fault",
    "runs",
    "asked for",
    "begun",
    "flipped",
    "ended",
    "cancelled",
    "not granted",
    "calls to nodes outside",
  ];
  const took = duration(changing.reduce((sum, { wallMs = 0 }) => sum + wallMs, 0));
  const rows = allFaults.map(({ name }) =>
    row(
      name,
      changing.filter(({ fault }) => fault === name),
    ),
  );
  return `${changing.length} runs, ${took} in all.\n\n${table(heads, [...rows, row("all", changing)])}`;
}

function workloads(results: readonly RunResult[]): string {
  const names = [...new Set(results.flatMap((result) => Object.keys(result.workloads)))];
  const heads = [
    "workload",
    "operations",
    "ok",
    "failed",
    "unknown",
    "lost",
    "resurrected",
    "corrupt",
    "wrong",
  ];
  const rows = names.map((name) => {
    const { operations, ok, failed, unknown, lost, resurrected, corrupt, wrong } = summarize(
      results,
      name,
    ).counts;
    return [name, ...[operations, ok, failed, unknown, lost, resurrected, corrupt, wrong].map(String)];
  });
  return table(heads, rows);
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => "---"), ...rows];
  const escaped = (cell: string): string => cell.replaceAll("|", "\\|");
  return lines.map((cells) => `| ${cells.map(escaped).join(" | ")} |`).join("\n");
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
