import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { againstReport, compareBuilds } from "./against.ts";
import { startCeiling } from "./ceiling.ts";
import { OWN_DIST, startCluster } from "./cluster.ts";
import type { Contender } from "./contender.ts";
import { type LoadPhase, runLoad } from "./load.ts";
import { CONNECTIONS, loadOf, parsePhases, type PhaseName, PHASES } from "./phases.ts";
import { type DiskUse, markdownReport, type Measurement } from "./report.ts";

/**
 * `make bench`: the three-node cluster and the bare prototype in turns, round by round, on this machine. Machines are
 * noisy: only ratios from one run mean anything.
 */
const HELP = `usage: node dist/bench/main.js [--rounds 3] [--seconds 10] [--warmup 5] [--phases put,get,overwrite,blind,put64k]
                              [--only dynamokv|ceiling] [--against DIST]

  --rounds N     turns of ceiling and cluster; the report gives medians
  --seconds N    length of each phase
  --warmup N     seconds of the same load before it that do not count (compilers, caches, log files)
  --phases LIST  which phases; overwrite, blind and put64k run on the cluster only
  --only NAME    leave the other one out
  --against DIST compare with another build of this project instead, in turns: DIST is the dist directory of its
                 checkout, or DIST,DIST for two others, the older first
The report is printed in Markdown. Needs wrk.`;

const CEILING_PHASES = new Set(["put", "get"]);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      seconds: { type: "string", default: "10" },
      warmup: { type: "string", default: "5" },
      phases: { type: "string", default: PHASES.join(",") },
      only: { type: "string" },
      against: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return console.log(HELP);
  const phases = parsePhases(values.phases);
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? "CPU"}, Node.js ${process.version}, load generators on the same cores`;
  if (values.against !== undefined) {
    const [before, after = OWN_DIST] = values.against.split(",").map((path) => resolve(path));
    const pair = { before: { name: "before", dist: before! }, after: { name: "after", dist: after } };
    const [rounds, seconds, warmup] = [values.rounds, values.seconds, values.warmup].map(Number);
    const compared = await compareBuilds(pair, {
      phases,
      rounds: rounds!,
      seconds: seconds!,
      warmup: warmup!,
    });
    return console.log(`\n${againstReport(compared, machine)}`);
  }
  const measurements: Measurement[] = [];
  const disk: DiskUse[] = [];
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const [name, start] of [
      ["ceiling", startCeiling],
      ["dynamokv", startOwnCluster],
    ] as const) {
      if (values.only !== undefined && values.only !== name) continue;
      const own = name === "ceiling" ? phases.filter((phase) => CEILING_PHASES.has(phase)) : phases;
      await runContender(
        start,
        { phases: own, round, seconds: Number(values.seconds), warmup: Number(values.warmup) },
        measurements,
        disk,
      );
    }
  }
  console.log(`\n${markdownReport(measurements, disk.slice(-2), machine)}`);
}

function startOwnCluster(directory: string): Promise<Contender> {
  return startCluster(directory, { name: "dynamokv", dist: OWN_DIST });
}

interface Turn {
  readonly phases: readonly PhaseName[];
  readonly round: number;
  readonly seconds: number;
  readonly warmup: number;
}

async function runContender(
  start: (directory: string) => Promise<Contender>,
  { phases, round, seconds, warmup }: Turn,
  measurements: Measurement[],
  disk: DiskUse[],
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "dynamokv-bench-"));
  let running: Contender | undefined;
  try {
    running = await start(directory);
    let keysWritten = 5_000;
    let rows = 0;
    for (const phase of phases) {
      const load = loadOf(phase, { seconds, keysWritten, prefix: PREFIXES[phase] });
      if (warmup > 0) {
        const { requestsPerSecond } = await runLoad(running.baseUrls, { ...load, ...warmupOf(load, warmup) });
        rows += phase === "put" ? requestsPerSecond * warmup : 0;
      }
      const cpuBefore = running.cpuSeconds();
      const result = await runLoad(running.baseUrls, load);
      const cpuCores = (running.cpuSeconds() - cpuBefore) / seconds;
      const residentMibMax = Math.max(...running.residentMib());
      measurements.push({ contender: running.name, phase, load: result, cpuCores, residentMibMax });
      const facts = `${Math.round(result.requestsPerSecond)}/s p99 ${result.p99Ms.toFixed(1)} ms, ${result.bad} bad`;
      console.error(`round ${round} ${running.name} ${phase}: ${facts}`);
      if (phase !== "put") continue;
      keysWritten = Math.max(1, result.keysWritten - CONNECTIONS);
      rows += result.requestsPerSecond * seconds;
      disk.push({
        contender: running.name,
        bytesPerRow: running.diskBytes() / (rows * running.baseUrls.length),
      });
    }
  } finally {
    await running?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Gets and overwrites work on what the puts wrote. */
const PREFIXES: Readonly<Record<PhaseName, string>> = {
  put: "put",
  get: "put",
  overwrite: "put",
  blind: "blind",
  put64k: "large",
};

/** Puts of a warm-up write keys of their own; every other load warms up on the keys that it is measured on. */
function warmupOf(load: LoadPhase, seconds: number): Partial<LoadPhase> {
  return load.mode === "put" ? { seconds, prefix: `warm${load.prefix}` } : { seconds };
}

await main();
