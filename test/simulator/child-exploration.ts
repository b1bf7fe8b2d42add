import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { addExploration, emptyExploration, type Exploration, type ExplorationRange } from "./exploration.ts";

/** Seeds of one child: the first fifty run at half speed, until the compiler knows what is hot. */
const SEEDS_PER_CHILD_MAX = 1_000;

/** A seed leaves no garbage that lives long: a large nursery is swept seldom, and mostly empty. */
const NODE_OPTIONS = ["--max-semi-space-size=32", "--single-threaded-gc"];

/** Explores in several processes of this program: `main` is the program to run. */
export async function exploreInChildren(
  range: Omit<ExplorationRange, "progress">,
  jobs: number,
  progress: (so: Exploration) => void,
): Promise<Exploration> {
  const main = fileURLToPath(new URL("main.js", import.meta.url));
  const sum = emptyExploration();
  let next = range.from;
  const end = range.from + range.count;
  const seedsPerChild = Math.min(SEEDS_PER_CHILD_MAX, Math.ceil(range.count / jobs));
  const work = async (): Promise<void> => {
    while (next < end && !(range.stopAtFirst && sum.failed.length > 0)) {
      const from = next;
      next = Math.min(end, from + seedsPerChild);
      addExploration(
        sum,
        await exploreInChild(main, { from, count: next - from, stopAtFirst: range.stopAtFirst }),
      );
      progress(sum);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  sum.failed.sort((a, b) => a.seed - b.seed);
  return sum;
}

export async function exploreInChild(
  main: string,
  range: Omit<ExplorationRange, "progress">,
): Promise<Exploration> {
  const stop = range.stopAtFirst ? ["--stop-at-first"] : [];
  const args = [
    ...NODE_OPTIONS,
    main,
    "--json",
    "--seeds",
    String(range.count),
    "--from",
    String(range.from),
    ...stop,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const status = await new Promise<number | null>((resolve, reject) =>
    child.on("close", resolve).on("error", reject),
  );
  if (status !== 0 && status !== 1)
    throw new Error(`seeds from ${range.from}: the process ended with ${status}`);
  return JSON.parse(output) as Exploration;
}
