import { checkFinalStates } from "./checkers/final-state.ts";
import { Cluster } from "./cluster.ts";
import { CoverageMarks } from "./coverage-marks.ts";
import { Nemesis } from "./faults/nemesis.ts";
import { converge } from "./phases/converge.ts";
import { formRing } from "./phases/form-ring.ts";
import { checkServes } from "./phases/serve.ts";
import { settle } from "./phases/settle.ts";
import { type Scenario, scenarioOf } from "./scenario.ts";
import type { Violation } from "./violation.ts";
import { Client } from "./workload/client.ts";
import { Trace } from "./world/trace.ts";

/** A run that has not ended by then hangs: that is a violation too. */
const VIRTUAL_LIMIT_MS = 600_000;

export interface RunReport {
  readonly scenario: Scenario;
  readonly violations: readonly Violation[];
  readonly marks: CoverageMarks;
  /** Equal for two runs of one seed. */
  readonly traceHash: string;
  readonly events: number;
  readonly operations: number;
  readonly acknowledged: number;
  readonly virtualMs: number;
  /** From the last fault until all owners held the same; undefined where the run ended before. */
  readonly convergedMs: number | undefined;
  /** Reads that were checked for it, and those that showed less than their client had seen before. */
  readonly reads: number;
  readonly staleReads: number;
}

/** Runs one seed: form the ring, break things while clients work, heal, look at what is left. */
export async function simulate(
  scenario: Scenario | number,
  listener?: (line: string) => void,
): Promise<RunReport> {
  const drawn = typeof scenario === "number" ? scenarioOf(scenario) : scenario;
  const trace = new Trace(listener);
  const marks = new CoverageMarks();
  const cluster = new Cluster(drawn, trace, marks);
  const unhandled = (error: unknown): void => cluster.violated("core_threw", errorText(error));
  process.on("unhandledRejection", unhandled);
  process.on("uncaughtException", unhandled);
  let convergedMs: number | undefined;
  try {
    convergedMs = await run(cluster);
  } catch (error) {
    cluster.violated("core_threw", errorText(error));
  } finally {
    process.off("unhandledRejection", unhandled);
    process.off("uncaughtException", unhandled);
  }
  return {
    scenario: drawn,
    violations: cluster.violations,
    marks,
    traceHash: trace.hash(),
    events: cluster.loop.events,
    operations: cluster.history.reads + cluster.history.writeCount,
    acknowledged: cluster.history.acknowledged,
    virtualMs: cluster.loop.nowMs,
    convergedMs,
    reads: cluster.history.reads,
    staleReads: cluster.history.staleReads,
  };
}

async function run(cluster: Cluster): Promise<number | undefined> {
  const { loop, hosts, scenario } = cluster;
  for (const host of hosts)
    loop.after(cluster.random.fork("boot", host.id).between(0, 100), () => host.start());
  if (!(await formRing(cluster))) {
    cluster.violated("wrongly_refused", "the ring could not be formed");
    return undefined;
  }
  const nemesis = new Nemesis(cluster, cluster.random);
  cluster.onCommitting((host, durationMs) => nemesis.committing(host, durationMs));
  nemesis.start();
  const startedMs = loop.nowMs;
  let working = scenario.clients;
  const clients = Array.from({ length: scenario.clients }, (_, i) => new Client(cluster, i));
  for (const client of clients) void client.run().finally(() => (working -= 1));
  await loop.runUntil(startedMs + VIRTUAL_LIMIT_MS, () => working === 0);
  if (working > 0)
    cluster.violated("answer_overdue", `${working} clients still wait after ${VIRTUAL_LIMIT_MS} ms`);
  nemesis.stop();
  await settle(cluster);
  const convergedMs = await converge(cluster);
  checkFinalStates(cluster);
  await checkServes(cluster, clients);
  return convergedMs;
}

function errorText(error: unknown): string {
  return error instanceof Error
    ? (error.stack ?? error.message).split("\n").slice(0, 4).join(" ")
    : String(error);
}
