import { mkdtempSync, rmSync } from "node:fs";
import { cpus, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { OWN_DIST, startCluster } from "../cluster.ts";
import { ARRIVAL_PROCESSES, type ArrivalProcess, seededRandom } from "./arrivals.ts";
import { runOn, splitCores } from "./cores.ts";
import { failures, figuresOf } from "./criteria.ts";
import { measureOverload, type OverloadPlan, type OverloadResult } from "./measure.ts";
import { textReport } from "./report.ts";
import { type Workload, WORKLOADS } from "./request-text.ts";

/** `make bench-overload`: what a cluster does when more is asked of it than it can do. */
const HELP = `usage: node dist/bench/overload/main.js [--workload put] [--steps 50,80,100,125,150,200,80,50] [--seconds 10] [--rounds 1]
                                       [--capacity N] [--deadline-ms 1000] [--output json] [--check]

Measures the capacity of a three-node cluster by closed loop, then asks for shares of it by open loop: requests come
when they are due, whatever became of those before, and their latency counts from then.

  --workload NAME    put: new keys; get: known keys; mixed: half and half
  --steps LIST       percent of the capacity, one after the other without a pause
  --seconds N        length of each step and of the capacity's measurement
  --rounds N         do all of it so often, the criteria hold for the medians (default 1)
  --warmup N         seconds of closed loop before it that do not count (default 5)
  --capacity N       requests a second, instead of measuring it
  --clients N        clients of the closed loop, at each node (default 32)
  --connections N    connections of the open loop to each node, at most (default 1024)
  --deadline-ms N    of each request, told to the node; what comes later does not count
  --value-bytes N    of puts (default 1024)
  --arrivals NAME    poisson (default) or uniform
  --port-offset N    of the cluster's ports (default 650)
  --dist PATH        measure the cluster of another checkout, by its dist directory
  --output NAME      text (default) or json
  --check            exit with 1 unless it held: see docs/BENCHMARKS.md

The generator has the last core of the machine, the nodes have the others; where that cannot be, it shares theirs and
says so. It counts what it sends late; a step in which that is more than 1 % says so, and its figures mean nothing.`;

const OPTIONS = {
  workload: { type: "string", default: "put" },
  steps: { type: "string", default: "50,80,100,125,150,200,80,50" },
  seconds: { type: "string", default: "10" },
  rounds: { type: "string", default: "1" },
  warmup: { type: "string", default: "5" },
  capacity: { type: "string" },
  clients: { type: "string", default: "32" },
  connections: { type: "string", default: "1024" },
  "deadline-ms": { type: "string", default: "1000" },
  "value-bytes": { type: "string", default: "1024" },
  arrivals: { type: "string", default: "poisson" },
  "port-offset": { type: "string", default: "650" },
  dist: { type: "string", default: OWN_DIST },
  output: { type: "string", default: "text" },
  check: { type: "boolean", default: false },
  help: { type: "boolean" },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help === true) return console.log(HELP);
  const plan: OverloadPlan = {
    workload: oneOf<Workload>("workload", values.workload, WORKLOADS),
    arrivals: oneOf<ArrivalProcess>("arrivals", values.arrivals, ARRIVAL_PROCESSES),
    percents: values.steps.split(",").map((text) => positive("steps", text)),
    seconds: positive("seconds", values.seconds),
    warmupSeconds: positive("warmup", values.warmup),
    capacityPerSecond: values.capacity === undefined ? undefined : positive("capacity", values.capacity),
    clients: positive("clients", values.clients),
    connectionsMax: positive("connections", values.connections),
    deadlineMs: positive("deadline-ms", values["deadline-ms"]),
    valueBytes: positive("value-bytes", values["value-bytes"]),
    random: seededRandom(1),
    progress: (line) => console.error(line),
  };
  oneOf("output", values.output, ["text", "json"]);
  const roundsMax = positive("rounds", values.rounds);
  const cores = splitCores();
  if (cores === undefined)
    console.error("the generator shares the nodes' cores: it takes from them what it uses");
  const directory = mkdtempSync(join(tmpdir(), "dynamokv-overload-"));
  const build = { name: "dynamokv", dist: values.dist };
  if (cores !== undefined) runOn(cores.nodes);
  const cluster = await startCluster(directory, build, positive("port-offset", values["port-offset"]));
  if (cores !== undefined) runOn(cores.generator);
  favourGenerator();
  try {
    const machine = `${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, Node.js ${process.version}`;
    const rounds: OverloadResult[] = [];
    for (let round = 1; round <= roundsMax; round += 1) rounds.push(await measureOverload(cluster, plan));
    const missed = failures(rounds.map(figuresOf));
    const result = { machine, rounds };
    console.log(
      values.output === "json" ? JSON.stringify({ ...result, missed }, null, 2) : textReport(result),
    );
    if (values.check && missed.length > 0) process.exitCode = 1;
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * What else the machine does must not hold the generator up, so it asks for a higher priority; not everybody may. Not for
 * real-time priority: what the kernel does for the nodes' disk on the generator's core then waited until the scheduler's
 * guard against starvation let it run, and all three nodes' commits stood still for 950 ms every few seconds.
 */
function favourGenerator(): void {
  try {
    setPriority(GENERATOR_PRIORITY);
  } catch {
    console.error("the generator runs at the nodes' priority: raising it needs more rights");
  }
}

const GENERATOR_PRIORITY = -10;

function oneOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === text);
  if (found === undefined) throw new Error(`--${option} is one of ${allowed.join(", ")}, not ${text}`);
  return found;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${option} needs numbers above 0, not ${text}`);
  return value;
}

await main();
