import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./mutated-build.ts";

/** What is published of each planted bug, caught or not. */
export const DETECTIONS = join(ROOT, "test/simulator/mutants/detections.json");

export interface Detection {
  readonly name: string;
  readonly breaks: string;
  /** The first seed that caught it; null where none did. */
  readonly seed: number | null;
  /** The violation that was reported; "" where none was. */
  readonly caughtBy: string;
  /** How many were run, from seed 1. */
  readonly seedsTried: number;
  /** Of the sources that the bug was planted in, as of test/tree-commit.ts. */
  readonly commit: string;
}

export function readDetections(): Detection[] {
  return JSON.parse(readFileSync(DETECTIONS, "utf8")) as Detection[];
}

export function writeDetections(detections: readonly Detection[]): void {
  writeFileSync(DETECTIONS, `${JSON.stringify(detections, undefined, 2)}\n`);
}

/**
 * `kept` with the newer ones in place of those of the same name, in the order of `bugs`. A line of a bug that is planted
 * no more goes.
 */
export function mergedDetections(
  kept: readonly Detection[],
  newer: readonly Detection[],
  bugs: readonly { readonly name: string }[],
): Detection[] {
  const byName = new Map([...kept, ...newer].map((detection) => [detection.name, detection]));
  return bugs.flatMap(({ name }) => byName.get(name) ?? []);
}
