import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BENCH_PORT_OFFSET, type Build, startCluster } from "./cluster.ts";
import type { Contender } from "./contender.ts";
import { runLoad } from "./load.ts";
import { median } from "./median.ts";
import { CONNECTIONS, loadOf, type PhaseName } from "./phases.ts";

/**
 * Two builds of this project against each other. Both clusters run all the time and are loaded in turns of a few
 * seconds, the order changing from turn to turn: what else the machine does then falls on both, and the ratio within
 * a turn means something although neither figure does. CPU time a request is the steadier of the two measures.
 */
export interface Pair {
  readonly before: Build;
  readonly after: Build;
}

export interface Turns {
  readonly phases: readonly PhaseName[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmup: number;
}

/** One phase at one build in one round. */
export interface Measured {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** Of all three nodes. */
  readonly cpuUsPerRequest: number;
  readonly bad: number;
}

export interface RoundOfTwo {
  readonly phase: PhaseName;
  readonly before: Measured;
  readonly after: Measured;
}

type Side = "before" | "after";

export async function compareBuilds({ before, after }: Pair, turns: Turns): Promise<RoundOfTwo[]> {
  const directory = mkdtempSync(join(tmpdir(), "dynamokv-against-"));
  const running: Partial<Record<Side, Contender>> = {};
  try {
    running.before = await startCluster(join(directory, "before"), before, BENCH_PORT_OFFSET);
    running.after = await startCluster(join(directory, "after"), after, BENCH_PORT_OFFSET + 10);
    const { before: first, after: second } = running as Record<Side, Contender>;
    return await measure({ before: first, after: second }, turns);
  } finally {
    await running.before?.stop();
    await running.after?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(
  contenders: Readonly<Record<Side, Contender>>,
  { phases, rounds, seconds, warmup }: Turns,
): Promise<RoundOfTwo[]> {
  const keysWritten = { before: 0, after: 0 };
  for (const side of ["before", "after"] as const) {
    const load = loadOf("put", { seconds: warmup, prefix: "known", keysWritten: 0 });
    const written = await runLoad(contenders[side].baseUrls, load);
    keysWritten[side] = Math.max(1, written.keysWritten - CONNECTIONS);
  }
  const results: RoundOfTwo[] = [];
  for (const phase of phases) {
    // Round 0 warms this phase up, on both.
    for (let round = 0; round <= rounds; round++) {
      const turn = async (side: Side): Promise<Measured> => {
        const prefix = phase === "get" ? "known" : `${phase}${round}-`;
        const load = loadOf(phase, {
          seconds: round === 0 ? warmup : seconds,
          prefix,
          keysWritten: keysWritten[side],
        });
        const contender = contenders[side];
        const cpuBefore = contender.cpuSeconds();
        const result = await runLoad(contender.baseUrls, load);
        const { requestsPerSecond, p99Ms, bad } = result;
        const cpuUs = (contender.cpuSeconds() - cpuBefore) * 1e6;
        return { requestsPerSecond, p99Ms, bad, cpuUsPerRequest: cpuUs / (requestsPerSecond * load.seconds) };
      };
      const order: readonly Side[] = round % 2 === 0 ? ["before", "after"] : ["after", "before"];
      const measured = { [order[0]!]: await turn(order[0]!), [order[1]!]: await turn(order[1]!) };
      if (round === 0) continue;
      const pair = { phase, ...(measured as Record<Side, Measured>) };
      results.push(pair);
      console.error(`${phase} ${round}: ${line(pair)}`);
    }
  }
  return results;
}

function line({ before, after }: RoundOfTwo): string {
  const rates = `${Math.round(before.requestsPerSecond)} → ${Math.round(after.requestsPerSecond)}/s`;
  return `${rates}, CPU ${Math.round(before.cpuUsPerRequest)} → ${Math.round(after.cpuUsPerRequest)} µs`;
}

/** One row a phase: the median over the rounds of each ratio after/before, with the least and the greatest. */
export function againstReport(rounds: readonly RoundOfTwo[], machine: string): string {
  const lines = [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine}. Ratios after/before within each round: median (least to greatest).`,
    "",
    "| phase | rounds | before/s | after/s | requests/s | CPU a request | p99 | bad answers |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
  ];
  for (const phase of new Set(rounds.map((round) => round.phase))) {
    const own = rounds.filter((round) => round.phase === phase);
    const ratios = (of: (measured: Measured) => number): string => {
      const sorted = own.map(({ before, after }) => of(after) / of(before)).sort((a, b) => a - b);
      return `${median(sorted).toFixed(3)} (${sorted[0]!.toFixed(2)} to ${sorted.at(-1)!.toFixed(2)})`;
    };
    const rate = (side: Side): number =>
      Math.round(median(own.map((round) => round[side].requestsPerSecond)));
    const cells = [
      phase,
      own.length,
      rate("before"),
      rate("after"),
      ratios(({ requestsPerSecond }) => requestsPerSecond),
      ratios(({ cpuUsPerRequest }) => cpuUsPerRequest),
      ratios(({ p99Ms }) => p99Ms),
      own.reduce((sum, { before, after }) => sum + before.bad + after.bad, 0),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}
