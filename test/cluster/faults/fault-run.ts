import { writeFileSync } from "node:fs";
import path from "node:path";
import { cellName, type Cell } from "./catalogue/all-faults.ts";
import { comparedCopies, convergedAfter } from "./convergence.ts";
import type { FaultCluster } from "./fault-cluster.ts";
import { FaultLoad } from "./fault-load.ts";
import { pause } from "./fault.ts";
import { apartFromTwins, type ToldApart } from "./twin-writes.ts";
import { RingChangeLoad } from "./ring-change-load.ts";
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
const AFTER_MS_MAX = 10_000;
/** The fault finds changes at any step. */
const CHANGES_FIRST_MS_MAX = 4_000;
/** Under load, until the last change is over. */
const SETTLE_MS_MAX = 30_000;
/** Acknowledged writes below which a run is invalid. */
const ACKS_MIN = 200;
const REPAIR_MS_MAX = 40_000;
const REPAIR_POLL_MS = 250;
const R = 2;
let runs = 0;

export async function runCell(cluster: FaultCluster, cell: Cell, options: RunOptions): Promise<RunResult> {
  const { fault, w } = cell;
  const startedMs = performance.now();
  runs += 1;
  const bucket = `run-${process.pid}-${runs}`;
  cluster.shuffle();
  const load = new FaultLoad({
    bucket,
    sides: fault.sides(cluster),
    quorums: { r: R, w },
    mayBeOutside: cell.changes,
  });
  const changes = cell.changes ? new RingChangeLoad(cluster) : undefined;
  const { fromMs, toMs, trouble } = await underFault(cluster, { load, changes }, { cell, options });
  const verdict: Verdict = { convergeMs: null, told: new Map(), failures: [] };
  try {
    if (trouble !== undefined) throw trouble;
    await judge(cluster, load, { bucket, convergeMsMax: options.convergeMsMax, verdict });
  } catch (error) {
    verdict.failures.push(String(error));
  }
  const { convergeMs, told, failures } = verdict;
  // Only now: the last change may have ended while the cluster came to be of one mind.
  const changed = await changes?.stop();
  failures.push(...(changes?.failures ?? []));
  if (failures.length > 0) keepHistory(cluster, load, { name: cellName(cell), failures });
  return {
    at: new Date().toISOString(),
    nodeVersion: process.version,
    fault: fault.name,
    w,
    faultMs: Math.round(toMs - fromMs),
    wallMs: Math.round(performance.now() - startedMs),
    workloads: Object.fromEntries(
      load.workloads.map((workload) => [
        workload.name,
        resultOf(workload, load, told.get(workload.name) ?? { rest: [], twins: 0 }),
      ]),
    ),
    sides: load.log.summary(fromMs, toMs),
    convergeMs: convergeMs === null ? null : Math.round(convergeMs),
    ...(changed === undefined ? {} : { changes: changed }),
    failures,
  };
}

/** Load before, during and after the fault. `trouble`: the fault could not be done or mended. */
async function underFault(
  cluster: FaultCluster,
  { load, changes }: { load: FaultLoad; changes: RingChangeLoad | undefined },
  { cell, options }: { cell: Cell; options: RunOptions },
): Promise<{ fromMs: number; toMs: number; trouble: Error | undefined }> {
  const { faultMs } = options;
  load.start();
  await load.moreAcknowledged(WARM_UP_ACKS, WARM_UP_MS_MAX);
  if (changes !== undefined) {
    changes.start();
    await pause(Math.random() * CHANGES_FIRST_MS_MAX);
  }
  const fromMs = performance.now();
  let trouble: Error | undefined;
  let toMs = fromMs;
  try {
    const mend = await cell.fault.harm({ cluster, load, durationMs: faultMs });
    await pause(faultMs - (performance.now() - fromMs));
    toMs = performance.now();
    await mend();
    await changes?.settled(SETTLE_MS_MAX);
    await load.moreAcknowledged(Math.max(AFTER_ACKS, ACKS_MIN - load.acknowledged), AFTER_MS_MAX);
  } catch (error) {
    trouble = error instanceof Error ? error : new Error(String(error));
  } finally {
    await load.stop();
  }
  return { fromMs, toMs, trouble };
}

interface Verdict {
  convergeMs: number | null;
  /** By workload. */
  readonly told: Map<string, ToldApart>;
  readonly failures: string[];
}

async function judge(
  cluster: FaultCluster,
  load: FaultLoad,
  options: { bucket: string; convergeMsMax: number; verdict: Verdict },
): Promise<void> {
  const { bucket, convergeMsMax, verdict } = options;
  const { failures, told } = verdict;
  if (load.acknowledged < ACKS_MIN) {
    failures.push(`invalid: ${load.acknowledged} acknowledged writes, fewer than ${ACKS_MIN}`);
  }
  try {
    verdict.convergeMs = await convergedAfter(cluster, convergeMsMax);
  } catch (error) {
    failures.push(String(error));
  }
  // Before the reading back, which repairs what differs.
  const keys = load.workloads.flatMap(({ history }) => history.keys());
  const { differing, rotten } = await comparedCopies(cluster, bucket, keys);
  failures.push(...differing);
  const found = await load.readBack(cluster.members);
  for (const { name, history } of load.workloads) {
    told.set(name, await apartFromTwins(cluster, { bucket, history }, found.get(name)!));
  }
  failures.push(...(await stillRotten(cluster, bucket, rotten)));
  const violations = [...told.values()].flatMap(({ rest }) => rest);
  failures.push(...violations.map(({ kind, key, detail }) => `${kind}: ${key}: ${detail}`));
}

/** A row that rotted is written anew from another owner's as soon as somebody read it. */
async function stillRotten(
  cluster: FaultCluster,
  bucket: string,
  keys: readonly string[],
): Promise<readonly string[]> {
  const deadlineMs = performance.now() + REPAIR_MS_MAX;
  for (;;) {
    const { differing, rotten } = await comparedCopies(cluster, bucket, keys);
    if (differing.length + rotten.length === 0) return [];
    if (performance.now() > deadlineMs) {
      return [...differing, ...rotten.map((key) => `${key}: a rotten row was read and is there still`)];
    }
    await pause(REPAIR_POLL_MS);
  }
}

function resultOf({ name, watch }: Workload, load: FaultLoad, { rest, twins }: ToldApart): WorkloadResult {
  const all = load.log.all().filter(({ workload }) => workload === name);
  const ended = (outcome: string): number => all.filter((one) => one.outcome === outcome).length;
  const [lost, resurrected, corrupt] = (["lost", "resurrected", "corrupt"] as const).map(
    (kind) => rest.filter((violation) => violation.kind === kind).length,
  ) as [number, number, number];
  return {
    operations: all.length - ended("outside"),
    ok: ended("ok"),
    failed: ended("refused"),
    outside: ended("outside"),
    unknown: ended("unknown"),
    reads: watch.reads,
    staleReads: watch.staleReads,
    siblingsMax: watch.siblingsMax,
    lost,
    resurrected,
    corrupt,
    twins,
    wrong: rest.length - lost - resurrected - corrupt,
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
