import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exploreInChild } from "../child-exploration.ts";
import { simulate } from "../simulation.ts";
import { buildMutant, ROOT } from "./mutated-build.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

/** What is published: for each bug the first seed that catches it, and how. */
const DETECTIONS = join(ROOT, "test/simulator/mutants/detections.json");

interface Detection {
  readonly name: string;
  readonly breaks: string;
  readonly seed: number;
  readonly caughtBy: string;
}

export interface Catch {
  readonly bug: PlantedBug;
  /** How many seeds it took, from seed 1; undefined where none of them caught it. */
  readonly seeds: number | undefined;
  readonly caughtBy: string;
  readonly detail: string;
}

/**
 * Builds one bug into a copy of the sources and runs seeds from 1 until one is violated. The same seed must be clean
 * without the bug, or it proves nothing.
 */
export async function huntMutant(bug: PlantedBug, seedsMax: number): Promise<Catch> {
  const build = await buildMutant(bug);
  try {
    const result = await exploreInChild(build.main, { from: 1, count: seedsMax, stopAtFirst: true });
    const first = result.failed[0]?.violations[0];
    const clean = first === undefined ? undefined : await simulate(result.failed[0]!.seed);
    if (clean !== undefined && clean.violations.length > 0) {
      throw new Error(
        `seed ${clean.scenario.seed} is violated without ${bug.name}: ${clean.violations[0]!.detail}`,
      );
    }
    return {
      bug,
      seeds: first === undefined ? undefined : result.seeds,
      caughtBy: first?.kind ?? "",
      detail: first?.detail ?? "",
    };
  } finally {
    build.remove();
  }
}

/** All of them, with a table; the exit status is 1 where one gets away. */
export async function huntMutants({
  seeds,
  only,
  write,
}: {
  seeds: number;
  /** A bug's name; all of them where undefined. */
  only: string | undefined;
  /** Whether to keep the table in DETECTIONS. */
  write: boolean;
}): Promise<number> {
  const bugs = PLANTED_BUGS.filter(({ name }) => only === undefined || name === only);
  const caught: Detection[] = [];
  if (bugs.length === 0) process.stderr.write(`no planted bug is named ${only}\n`);
  let escaped = bugs.length === 0 ? 1 : 0;
  for (const bug of bugs) {
    const found = await huntMutant(bug, seeds);
    if (found.seeds === undefined) escaped += 1;
    const fate =
      found.seeds === undefined ? `NOT CAUGHT in ${seeds} seeds` : `seed ${found.seeds}, ${found.caughtBy}`;
    process.stdout.write(`${bug.name.padEnd(44)} ${fate}\n`);
    const { name, breaks } = bug;
    if (found.seeds !== undefined) caught.push({ name, breaks, seed: found.seeds, caughtBy: found.caughtBy });
  }
  if (write) writeFileSync(DETECTIONS, `${JSON.stringify(caught, undefined, 2)}\n`);
  process.stdout.write(`${bugs.length - escaped} of ${bugs.length} planted bugs caught\n`);
  return escaped === 0 ? 0 : 1;
}
