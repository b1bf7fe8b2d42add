import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Violation } from "./checker.ts";
import { cellName, type Cell } from "./catalogue/all-faults.ts";
import { convergedAfter, differingReplicas } from "./convergence.ts";
import type { FaultCluster } from "./fault-cluster.ts";
import { FaultLoad } from "./fault-load.ts";
import { pause } from "./fault.ts";
import type { RunResult, WorkloadResult } from "./run-result.ts";
import type { Workload } from "./workloads/workload.ts";

/**
 * One run of one cell: load, fault, mending, a moment more of load, then silence until the cluster is of one mind, and
 * only then the reading back of every key. A run that hardly wrote anything proves nothing and fails.
 */
export interface RunOptions {
  readonly faultMs: number;
  readonly convergeMsMax: number;
}

const WARM_UP_ACKS = 100;
const WARM_UP_MS_MAX = 15_000;
const AFTER_ACKS = 150;
const AFTER_MS_MAX = 5_000;
/** Acknowledged writes below which a run is invalid. */
const ACKS_MIN = 200;
const R = 2;
let runs = 0;

export async function runCell(cluster: FaultCluster, cell: Cell, options: RunOptions): Promise<RunResult> {
  const { fault, w } = cell;
  runs += 1;
  const bucket = `run-${process.pid}-${runs}`;
  const load = new FaultLoad({ bucket, sides: fault.sides(cluster), quorums: { r: R, w } });
  const failures: string[] = [];
  load.start();
  let [fromMs, toMs] = [0, 0];
  try {
    await load.moreAcknowledged(WARM_UP_ACKS, WARM_UP_MS_MAX);
    fromMs = performance.now();
    const mend = await fault.harm({ cluster, load, durationMs: options.faultMs });
    await pause(options.faultMs - (performance.now() - fromMs));
    toMs = performance.now();
    await mend();
    await load.moreAcknowledged(AFTER_ACKS, AFTER_MS_MAX);
  } finally {
    await load.stop();
  }
  const convergeMs = await convergence(cluster, options.convergeMsMax, failures);
  // Before the reading back, which repairs what differs.
  const keys = load.workloads.flatMap(({ history }) => history.keys());
  failures.push(...(await differingReplicas(cluster, bucket, keys)));
  const found = await load.readBack(cluster.nodes);
  failures.push(...[...found.values()].flat().map(({ kind, key, detail }) => `${kind}: ${key}: ${detail}`));
  if (load.acknowledged < ACKS_MIN) {
    failures.push(`invalid: ${load.acknowledged} acknowledged writes, fewer than ${ACKS_MIN}`);
  }
  if (failures.length > 0) keepHistory(cluster, load, { name: cellName(cell), failures });
  return {
    at: new Date().toISOString(),
    nodeVersion: process.version,
    fault: fault.name,
    w,
    faultMs: Math.round(toMs - fromMs),
    workloads: Object.fromEntries(
      load.workloads.map((workload) => [workload.name, resultOf(workload, load, found.get(workload.name)!)]),
    ),
    sides: load.log.summary(fromMs, toMs),
    convergeMs: convergeMs === null ? null : Math.round(convergeMs),
    failures,
  };
}

async function convergence(
  cluster: FaultCluster,
  boundMs: number,
  failures: string[],
): Promise<number | null> {
  try {
    return await convergedAfter(cluster, boundMs);
  } catch (error) {
    failures.push(String(error));
    return null;
  }
}

function resultOf({ name, watch }: Workload, load: FaultLoad, found: readonly Violation[]): WorkloadResult {
  const operations = load.log.all().filter(({ workload }) => workload === name);
  const ended = (outcome: string): number => operations.filter((one) => one.outcome === outcome).length;
  const [lost, resurrected, corrupt] = (["lost", "resurrected", "corrupt"] as const).map(
    (kind) => found.filter((violation) => violation.kind === kind).length,
  ) as [number, number, number];
  return {
    operations: operations.length,
    ok: ended("ok"),
    failed: ended("refused"),
    unknown: ended("unknown"),
    reads: watch.reads,
    staleReads: watch.staleReads,
    siblingsMax: watch.siblingsMax,
    lost,
    resurrected,
    corrupt,
    wrong: found.length - lost - resurrected - corrupt,
  };
}

/** For whoever looks for the reason, beside the nodes' logs. */
function keepHistory(
  cluster: FaultCluster,
  load: FaultLoad,
  { name, failures }: { name: string; failures: readonly string[] },
): void {
  const histories = load.workloads.map((workload) => ({
    workload: workload.name,
    writes: workload.history.writes(),
    errors: workload.history.errors,
  }));
  const text = JSON.stringify({ cell: name, failures, histories }, null, 1);
  writeFileSync(path.join(cluster.directory, `failed-run-${runs}.json`), text);
}
