import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Mark, RARE_MARKS, REQUIRED_MARKS } from "./coverage-marks.ts";
import { type Exploration, missingMarks } from "./exploration.ts";

/** From so many seeds on an exploration must have been in every situation that is not rare. */
export const SEEDS_FOR_MARKS = 1_000;
/** And from so many on in the rare ones too: the rarest comes about once in a thousand seeds. */
export const SEEDS_FOR_RARE_MARKS = 10_000;

/** What is published of an exploration. */
export interface ExplorationSummary {
  /** ISO 8601, at its end. */
  readonly at: string;
  /** Of the sources, as of test/tree-commit.ts. */
  readonly commit: string;
  readonly firstSeed: number;
  /** The last that was asked for. */
  readonly lastSeed: number;
  /** How many were run: fewer than asked for where the exploration was cut short. */
  readonly seeds: number;
  readonly operations: number;
  readonly acknowledgedWrites: number;
  readonly events: number;
  /** The seeds that broke a promise. */
  readonly violated: readonly number[];
  /** Situations that it was never in. */
  readonly marksNeverHit: readonly Mark[];
}

export function summaryOf(
  result: Exploration,
  asked: { readonly from: number; readonly count: number; readonly at: string; readonly commit: string },
): ExplorationSummary {
  const { from, count, at, commit } = asked;
  return {
    at,
    commit,
    firstSeed: from,
    lastSeed: from + count - 1,
    seeds: result.seeds,
    operations: result.operations,
    acknowledgedWrites: result.acknowledged,
    events: result.events,
    violated: result.failed.map(({ seed }) => seed).toSorted((a, b) => a - b),
    marksNeverHit: missingMarks(result, [...REQUIRED_MARKS, ...RARE_MARKS]),
  };
}

export function isCutShort({ firstSeed, lastSeed, seeds }: ExplorationSummary): boolean {
  return seeds < lastSeed - firstSeed + 1;
}

/** Why the exploration did not show what it was there for; empty where it did. Each is one line for its reader. */
export function shortcomings(summary: ExplorationSummary): string[] {
  const { seeds, violated, marksNeverHit, firstSeed, lastSeed } = summary;
  const lines: string[] = [];
  if (violated.length > 0) lines.push(`${violated.length} of ${seeds} seeds violated`);
  if (isCutShort(summary)) lines.push(`cut short: ${seeds} of ${lastSeed - firstSeed + 1} seeds were run`);
  const due = marksNeverHit.filter(
    (mark) => seeds >= (isRare(mark) ? SEEDS_FOR_RARE_MARKS : SEEDS_FOR_MARKS),
  );
  if (due.length > 0) {
    lines.push(
      `never in ${due.length} of the situations that so many seeds must be in (coverage-marks.ts): ${due.join(", ")}`,
    );
  }
  return lines;
}

function isRare(mark: Mark): boolean {
  return RARE_MARKS.some((rare) => rare === mark);
}

/** One line, the same in every exploration. */
export function summaryLine(summary: ExplorationSummary): string {
  const { seeds, firstSeed, lastSeed, commit, operations, acknowledgedWrites, events } = summary;
  const never = summary.marksNeverHit.length === 0 ? "none" : summary.marksNeverHit.join(", ");
  return (
    `${seeds} seeds (${firstSeed} to ${lastSeed}) on ${commit}: ${operations} operations, ${acknowledgedWrites} ` +
    `acknowledged writes, ${events} events; violated: ${summary.violated.length}; marks never hit: ${never}`
  );
}

/** undefined where none was kept. */
export function readSummary(file: string): ExplorationSummary | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ExplorationSummary) : undefined;
}

export function writeSummary(file: string, summary: ExplorationSummary): void {
  writeFileSync(file, `${JSON.stringify(summary, undefined, 2)}\n`);
}
