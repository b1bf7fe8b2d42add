import { allCells, allFaults, cellName } from "./catalogue/all-faults.ts";
import { failureRateBound, summarize, type Summary } from "./run-summary.ts";
import type { RunResult } from "./run-result.ts";

/**
 * The generated parts of docs/RELIABILITY.md. The page itself is written by people; between
 * `<!-- generated: NAME -->` and `<!-- end -->` stands what is made here of results, and nothing else is touched.
 */
export interface PlantedBug {
  readonly name: string;
  readonly breaks: string;
  /** The first seed that caught it; null where none did. */
  readonly seed: number | null;
  /** The violation that was reported. */
  readonly caughtBy: string;
}

export interface PageData {
  readonly results: readonly RunResult[];
  readonly plantedBugs: readonly PlantedBug[];
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

function partsOf({ results, plantedBugs }: PageData): Record<string, string> {
  return {
    faults: table(
      ["fault", "what happens", "W"],
      allFaults.map(({ name, about, writeQuorums }) => [name, about, writeQuorums.join(", ")]),
    ),
    totals: totals(results),
    safety: byCell(results, safetyHeads, safetyRow),
    availability: availability(results),
    workloads: workloads(results),
    "planted bugs": table(
      ["planted bug", "what it breaks", "caught at seed", "by"],
      plantedBugs.map(({ name, breaks, seed, caughtBy }) => [
        `\`${name}\``,
        breaks,
        seed === null ? "**not caught**" : String(seed),
        seed === null ? "" : `\`${caughtBy}\``,
      ]),
    ),
  };
}

function totals(results: readonly RunResult[]): string {
  if (results.length === 0) return "No run yet: `make faults HOURS=1`.";
  const { counts, runs, failedRuns } = summarize(results);
  const days = results.map(({ at }) => at.slice(0, 10)).toSorted();
  const versions = [...new Set(results.map(({ nodeVersion }) => nodeVersion))].toSorted().join(", ");
  const minutes = Math.round(results.reduce((sum, { faultMs }) => sum + faultMs, 0) / 60_000);
  const when = days[0] === days.at(-1) ? `on ${days[0]}` : `from ${days[0]} to ${days.at(-1)}`;
  return (
    `${runs} runs ${when} (Node.js ${versions}), ${minutes} minutes of faults, ${counts.operations} operations: ` +
    `**${counts.lost} lost, ${counts.resurrected} resurrected, ${counts.corrupt} corrupt**, ${counts.wrong} otherwise ` +
    `wrong; ${failedRuns} runs failed for any reason. Over all cells a run fails with a chance below ` +
    `${percent(failureRateBound(runs))} (95 % confidence).`
  );
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
    const ofCell = results.filter(({ fault, w }) => fault === cell.fault.name && w === cell.w);
    return [cellName(cell), ...row(summarize(ofCell))];
  });
  return table(heads, rows);
}

/** By fault: W changes little here, and the table is long enough. */
function availability(results: readonly RunResult[]): string {
  const rows = allFaults.flatMap(({ name }) => {
    const { sides, convergeMs } = summarize(results.filter(({ fault }) => fault === name));
    const converge =
      convergeMs === undefined ? ["", ""] : [seconds(convergeMs.median), seconds(convergeMs.max)];
    return sides.map(({ side, calls, available, medianMs, p99Ms }, i) => [
      i === 0 ? name : "",
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
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
