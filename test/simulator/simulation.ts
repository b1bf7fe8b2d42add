import type { NodeId } from "../../node/core/node-id.ts";
import { copyAt, hintsLeft } from "./checkers/hints.ts";
import { checkFinalStates } from "./checkers/final-state.ts";
import { BUCKET, Cluster } from "./cluster.ts";
import { CoverageMarks } from "./coverage-marks.ts";
import { Nemesis } from "./faults/nemesis.ts";
import { type Scenario, scenarioOf } from "./scenario.ts";
import type { Violation } from "./violation.ts";
import { Client } from "./workload/client.ts";
import { callNode } from "./workload/client-link.ts";
import { Trace } from "./world/trace.ts";

/** A run that has not ended by then hangs: that is a violation too. */
const VIRTUAL_LIMIT_MS = 600_000;
const FORMATION_MS = 30_000;
/** After the last request and message: what they set in motion inside a node has come to its end. */
const SETTLE_MS = 250;
const RECONNECT_LIMIT_MS = 15_000;
/** A network that loses a third of all messages for good lets one round of a few hints need many. */
const HANDOFF_LIMIT_MS = 1_800_000;

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
  try {
    await run(cluster);
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
  };
}

async function run(cluster: Cluster): Promise<void> {
  const { loop, hosts, scenario } = cluster;
  for (const host of hosts)
    loop.after(cluster.random.fork("boot", host.id).between(0, 100), () => host.start());
  if (!(await formRing(cluster))) return cluster.violated("wrongly_refused", "the ring could not be formed");
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
  await drainHints(cluster);
  checkFinalStates(cluster);
  await checkServes(cluster, clients);
}

/** The requests under way end, the messages that were held up arrive, and everybody finds everybody again. */
async function settle({ loop, hosts, network, settledAtMs }: Cluster): Promise<void> {
  await loop.runUntil(settledAtMs + SETTLE_MS);
  const connected = (): boolean => hosts.every(({ id }) => network.isReachable(id));
  if (!connected()) await loop.runUntil(loop.nowMs + RECONNECT_LIMIT_MS, connected);
}

/** Nobody reads or writes: what stand-ins keep goes to its owners, over whatever weather there is. */
async function drainHints(cluster: Cluster): Promise<void> {
  const { loop, hosts } = cluster;
  await loop.runUntil(loop.nowMs + HANDOFF_LIMIT_MS, () => hosts.every((host) => hintsLeft(host) === 0));
  for (const host of hosts) {
    const left = hintsLeft(host);
    if (left > 0) cluster.violated("hints_not_drained", `${host.id.slice(-2)} still keeps ${left} hints`);
  }
  const copyOf = (owner: string, place: string) => copyAt(cluster.host(owner as NodeId), place);
  const excused = (node: string): boolean => cluster.destroyedMs(node as NodeId) !== undefined;
  for (const { kind, detail } of cluster.hints.unpaid(copyOf, excused)) cluster.violated(kind, detail);
}

async function formRing(cluster: Cluster): Promise<boolean> {
  const { loop, hosts, scenario } = cluster;
  const request = {
    clusterId: "simulated",
    members: scenario.nodes,
    parameters: { partitions: scenario.partitions, replicas: scenario.replicas, hash: "md5", leafFormat: 1 },
  } as const;
  let formed = false;
  const propose = (): void => {
    void hosts[0]!.node!.ring.form(request, 4_000).then((outcome) => {
      formed = outcome.ok;
      if (!outcome.ok) loop.after(200, propose);
    });
  };
  loop.after(500, propose);
  const serves = (): boolean => formed && hosts.every(({ node }) => node?.ring.current() !== undefined);
  await loop.runUntil(FORMATION_MS, serves);
  for (const key of scenario.keys) cluster.preferenceList(key);
  cluster.network.beginWeather();
  return serves();
}

/** Everything is up and connected: each key is read, written and read again, at each node. */
async function checkServes(cluster: Cluster, clients: readonly Client[]): Promise<void> {
  const { loop, hosts, scenario } = cluster;
  const calm = scenario.weather.kind === "connections" || scenario.weather.lossRate === 0;
  const luck = cluster.random.fork("last reads");
  let served = false;
  // One after the other: a small window must not turn them away.
  const serve = async (): Promise<void> => {
    for (const key of scenario.keys) {
      await clients[0]!.get(key, luck.fork("get", key));
      for (const host of hosts) await serveOnce(cluster, { host, key, calm });
    }
  };
  void serve().finally(() => (served = true));
  await loop.runUntil(loop.nowMs + VIRTUAL_LIMIT_MS, () => served);
  if (!served) cluster.violated("answer_overdue", "the last requests were never answered");
}

async function serveOnce(
  cluster: Cluster,
  { host, key, calm }: { host: Cluster["hosts"][number]; key: string; calm: boolean },
): Promise<void> {
  const timeoutMs = 10_000;
  const id = `last.${host.id.slice(-2)}.${key}`;
  const options = { r: undefined, w: undefined, pr: undefined, pw: undefined, timeoutMs };
  const call = {
    what: id,
    timeoutMs,
    patienceMs: 60_000,
    invoke: (node: NonNullable<typeof host.node>) =>
      node.delete({
        bucket: BUCKET,
        key: new TextEncoder().encode(key),
        requestId: id,
        context: new Uint8Array(0),
        options,
      }),
  };
  const answer = await callNode(cluster, host, call, cluster.random.fork("last", key, host.id));
  if (!calm || (answer.kind === "answer" && answer.outcome.kind === "written")) return;
  const what =
    answer.kind === "answer" && answer.outcome.kind === "failed" ? answer.outcome.message : answer.kind;
  cluster.violated(
    "wrongly_refused",
    `a healed cluster does not take a write at ${host.id.slice(-2)}: ${what}`,
  );
}

function errorText(error: unknown): string {
  return error instanceof Error
    ? (error.stack ?? error.message).split("\n").slice(0, 4).join(" ")
    : String(error);
}
