import { readFileSync, writeFileSync } from "node:fs";
import { type Schedule, scheduleFromJson, scheduleToJson } from "./schedule.ts";
import type { ViolationKind } from "./violation.ts";

/** A run that once broke a promise, made small and kept (test/simulator/regressions): it must never break it again. */
export interface Regression {
  readonly violation: ViolationKind;
  /** The seed that it was shrunk from. What a seed means changes, a regression does not. */
  readonly seed: number;
  /** The name of the planted bug that it shows; undefined where the code itself was wrong. */
  readonly plantedBug: string | undefined;
  readonly schedule: Schedule;
}

export function writeRegression(path: string, { violation, seed, plantedBug, schedule }: Regression): void {
  const json = { violation, seed, plantedBug, schedule: scheduleToJson(schedule) };
  writeFileSync(path, `${JSON.stringify(json, undefined, 2)}\n`);
}

/** Trusts the file: it is part of the repository. */
export function readRegression(path: string): Regression {
  const { schedule, ...rest } = JSON.parse(readFileSync(path, "utf8")) as Regression;
  return { ...rest, schedule: scheduleFromJson(schedule) };
}

/** A line for each operation and fault, in the order of time. */
export function describeRegression({ violation, seed, schedule }: Regression): string {
  const { operations, faults } = schedule;
  const lines = [
    ...operations.map(({ atMs, client, n, kind, key }) => ({ atMs, text: `c${client}.${n} ${kind} ${key}` })),
    ...faults.timed.map(({ atMs, fault }) => ({ atMs, text: JSON.stringify(fault) })),
  ].sort((a, b) => a.atMs - b.atMs);
  const crashes = faults.commits.map((crash) => `  in a commit: ${JSON.stringify(crash)}`);
  return [
    `${violation}, of seed ${seed}: ${operations.length} operations, ${faults.timed.length + crashes.length} faults`,
    ...lines.map(({ atMs, text }) => `${atMs.toFixed(3).padStart(12)} ${text}`),
    ...crashes,
  ].join("\n");
}
