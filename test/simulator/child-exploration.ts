import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import {
  addExploration,
  emptyExploration,
  type Exploration,
  type ExplorationProgress,
  type ExplorationRange,
} from "./exploration.ts";

/** Seeds of one child: the first fifty run at half speed, until the compiler knows what is hot. */
const SEEDS_PER_CHILD_MAX = 1_000;

/** A seed leaves no garbage that lives long: a large nursery is swept seldom, and mostly empty. */
const NODE_OPTIONS = ["--max-semi-space-size=32", "--single-threaded-gc"];

/** A child that was told to stop ends after its seed, which takes a second at most; one that hangs is killed. */
const STOP_MS_MAX = 10_000;

interface Progress {
  readonly progress?: (so: ExplorationProgress) => void;
}

/**
 * Explores in several processes of this program. Where one of them dies the others are stopped too, and what came of
 * them is answered: `seeds` says how many were run.
 */
export async function exploreInChildren(
  range: Omit<ExplorationRange, "progress">,
  jobs: number,
  progress: (so: ExplorationProgress) => void,
): Promise<Exploration> {
  const main = fileURLToPath(new URL("main.js", import.meta.url));
  const sum = emptyExploration();
  const running = new Map<number, ExplorationProgress>();
  const tell = (): void => {
    const parts = [...running.values(), { seeds: sum.seeds, violated: sum.failed.length }];
    progress({ seeds: total(parts, "seeds"), violated: total(parts, "violated") });
  };
  const died = new AbortController();
  const signal = range.signal === undefined ? died.signal : AbortSignal.any([range.signal, died.signal]);
  let next = range.from;
  const end = range.from + range.count;
  const seedsPerChild = Math.min(SEEDS_PER_CHILD_MAX, Math.ceil(range.count / jobs));
  const work = async (): Promise<void> => {
    while (next < end && !signal.aborted && !(range.stopAtFirst && sum.failed.length > 0)) {
      const from = next;
      next = Math.min(end, from + seedsPerChild);
      const part = { from, count: next - from, stopAtFirst: range.stopAtFirst, signal };
      const childProgress = (so: ExplorationProgress): void => {
        running.set(from, so);
        tell();
      };
      try {
        addExploration(sum, await exploreInChild(main, { ...part, progress: childProgress }));
      } catch (error) {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
        died.abort();
      }
      running.delete(from);
      tell();
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  sum.failed.sort((a, b) => a.seed - b.seed);
  return sum;
}

/** Throws where the child did not end by itself, or was stopped and hung. */
export async function exploreInChild(
  main: string,
  range: Omit<ExplorationRange, "progress"> & Progress,
): Promise<Exploration> {
  const { from, count, stopAtFirst, signal, progress } = range;
  const seeds = ["--json", "--seeds", String(count), "--from", String(from)];
  const args = [...NODE_OPTIONS, main, ...seeds, ...(stopAtFirst ? ["--stop-at-first"] : [])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  let output = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (output += text));
  if (progress !== undefined) child.on("message", (so) => progress(so as ExplorationProgress));
  let killing: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill("SIGTERM");
    killing = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const status = await new Promise<number | string | null>((resolve, reject) =>
      child.on("close", (code, by) => resolve(code ?? by)).on("error", reject),
    );
    if (status !== 0 && status !== 1) throw new Error(`seeds from ${from}: the process ended with ${status}`);
  } finally {
    clearTimeout(killing);
    signal?.removeEventListener("abort", stop);
  }
  return JSON.parse(output) as Exploration;
}

function total(parts: readonly ExplorationProgress[], what: keyof ExplorationProgress): number {
  return parts.reduce((sum, part) => sum + part[what], 0);
}
