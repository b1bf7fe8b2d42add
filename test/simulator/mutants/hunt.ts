import { fileURLToPath } from "node:url";
import { treeCommit } from "../../tree-commit.ts";
import { exploreInChild } from "../child-exploration.ts";
import { type Detection, mergedDetections, readDetections, writeDetections } from "./detection.ts";
import { buildMutant, ROOT } from "./mutated-build.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

/** The simulator without a bug. */
const SOUND = fileURLToPath(new URL("../main.js", import.meta.url));

/** Seeds of one bug are run for so long at most: what it did not show by then has not caught it. */
const BUG_MS_MAX = 10 * 60_000;

export interface Catch {
  /** The first seed that is violated, from 1; undefined where none of them is. */
  readonly seed: number | undefined;
  readonly seedsTried: number;
  readonly caughtBy: string;
  readonly detail: string;
}

/**
 * Builds one bug into a copy of the sources and runs seeds from 1 until one is violated. The same seed must be clean
 * without the bug, or it proves nothing.
 */
export async function huntMutant(bug: PlantedBug, seedsMax: number, signal?: AbortSignal): Promise<Catch> {
  const build = await buildMutant(bug);
  try {
    const timeout = AbortSignal.timeout(BUG_MS_MAX);
    const result = await exploreInChild(build.main, {
      from: 1,
      count: seedsMax,
      stopAtFirst: true,
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
    const failed = result.failed[0];
    const first = failed?.violations[0];
    if (failed !== undefined) await mustBeClean(failed.seed, bug);
    return {
      seed: failed?.seed,
      seedsTried: result.seeds,
      caughtBy: first?.kind ?? "",
      detail: first?.detail ?? "",
    };
  } finally {
    build.remove();
  }
}

async function mustBeClean(seed: number, { name }: PlantedBug): Promise<void> {
  const { failed } = await exploreInChild(SOUND, { from: seed, count: 1, stopAtFirst: true });
  const violation = failed[0]?.violations[0];
  if (violation !== undefined) {
    throw new Error(`seed ${seed} is violated without ${name}: ${violation.detail}`);
  }
}

export interface HuntOptions {
  readonly seeds: number;
  /** Bugs' names; all of them where undefined. */
  readonly only: readonly string[] | undefined;
  /** Bugs that are hunted at once. */
  readonly jobs: number;
  /** Whether to put what was found into detections.json, bug by bug. */
  readonly write: boolean;
  /** Ends the hunt; the bugs that are being hunted then are not told of. */
  readonly signal: AbortSignal;
}

/** One line a bug as soon as its fate is known; the exit status is 1 where one got away or was not hunted. */
export async function huntMutants({ seeds, only, jobs, write, signal }: HuntOptions): Promise<number> {
  const unknown = (only ?? []).filter((name) => !PLANTED_BUGS.some((bug) => bug.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no planted bug is named ${unknown.join(", ")}\n`);
    return 2;
  }
  const bugs = PLANTED_BUGS.filter(({ name }) => only === undefined || only.includes(name));
  const commit = treeCommit(ROOT);
  const waiting = [...bugs];
  let [ended, caught] = [0, 0];
  const tell = (name: string, fate: string): void => {
    ended += 1;
    process.stdout.write(`${`[${ended}/${bugs.length}]`.padEnd(8)} ${name.padEnd(44)} ${fate}\n`);
  };
  const work = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined && !signal.aborted; bug = waiting.shift()) {
      const found = await huntMutant(bug, seeds, signal).catch((error: unknown) => String(error));
      // What was cut short says nothing of the bug, unless it was caught.
      if (signal.aborted && (typeof found === "string" || found.seed === undefined)) return;
      if (typeof found === "string") {
        tell(bug.name, `NOT HUNTED: ${found}`);
        continue;
      }
      if (found.seed !== undefined) caught += 1;
      tell(bug.name, fateOf(found));
      if (write) {
        const detection = detectionOf(bug, found, commit);
        writeDetections(mergedDetections(readDetections(), [detection], PLANTED_BUGS));
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const cut = signal.aborted ? `interrupted, ${bugs.length - ended} not hunted: ` : "";
  process.stdout.write(`${cut}${caught} of ${bugs.length} planted bugs caught, commit ${commit}\n`);
  return caught === bugs.length ? 0 : 1;
}

function fateOf({ seed, seedsTried, caughtBy }: Catch): string {
  return seed === undefined ? `NOT CAUGHT in ${seedsTried} seeds` : `seed ${seed}, ${caughtBy}`;
}

function detectionOf({ name, breaks }: PlantedBug, found: Catch, commit: string): Detection {
  const { seed, caughtBy, seedsTried } = found;
  return { name, breaks, seed: seed ?? null, caughtBy, seedsTried, commit };
}
