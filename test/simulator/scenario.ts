import type { NodeId } from "../../node/core/node-id.ts";
import type { NodeSettings } from "../../node/core/settings.ts";
import { forgettingOf, nodeIdOf, patienceOf, SEAL_PAUSE_MS } from "./scenario-focus.ts";
import { SeededRandom } from "./world/seeded-random.ts";
import type { NetworkWeather } from "./world/simulated-network.ts";

/**
 * What a seed decides before anything runs: the cluster, the weather, the clients, and which kinds of faults there
 * are at all. Swarm testing: each kind is off in about half of the seeds, because a fault that is always there hides
 * what only happens without it (Groce et al. 2012).
 */
export const FAULT_KINDS = [
  "netsplit",
  "one_way_netsplit",
  "isolation",
  "clog",
  "kill",
  "power_loss",
  "power_loss_everywhere",
  "crash_in_commit",
  "pause",
  "slow_disk",
  "disk_full",
  "failing_commit",
  "failing_read",
  "rotten_row",
  "lost_row",
  "rotten_leaf",
  "rotten_root",
  "lost_database",
  "old_snapshot",
  "lost_ring",
  "wall_jump",
] as const;

/**
 * In the seeds that have spares. "ring_change": nodes join, leave or replace others, or a change is cancelled. "lost_majority": half of those
 * that decide, or more, go down once, and those that are left recover the ring; the others come back when all is healed.
 */
export type FaultKind = (typeof FAULT_KINDS)[number] | "ring_change" | "lost_majority";

/**
 * Kinds that destroy what is kept for good: only the hosts of `Scenario.fragile` may meet them, so that a copy of each
 * acknowledged write, and of the ring, is left.
 */
export const DESTRUCTIVE_FAULTS: ReadonlySet<FaultKind> = new Set([
  "rotten_row",
  "lost_row",
  "lost_database",
  "old_snapshot",
  "lost_ring",
]);

/** Kinds that take nothing from a disk and end no process: whoever should remember an owner that missed a put can. */
export const HARMLESS_FAULTS: ReadonlySet<FaultKind> = new Set([
  "netsplit",
  "one_way_netsplit",
  "isolation",
  "clog",
  "pause",
  "slow_disk",
  "wall_jump",
]);

/** Kinds that make a replica forget, and keep it from those who could tell it or give everything back. */
export const FORGETFUL_FAULTS: ReadonlySet<FaultKind> = new Set([
  "lost_database",
  "old_snapshot",
  "isolation",
  "clog",
  "kill",
]);

/** Settings that a seed draws: intervals far below the defaults, so that a run of seconds sees them many times. */
export type ScenarioSettings = Pick<
  NodeSettings,
  | "handoffIntervalMs"
  | "handoffBatchRows"
  | "hintBytesMax"
  | "gossipIntervalMs"
  | "antiEntropyIntervalMs"
  | "antiEntropyRecheckMs"
  | "scrubIntervalMs"
  | "siblingsMax"
  | "readCacheBytesMax"
> &
  /** Only where there are seal rounds. */
  Partial<Pick<NodeSettings, "sealIntervalMs" | "sealPauseMs" | "requestTimeoutMsMax">>;

export interface Scenario {
  readonly seed: number;
  readonly nodes: readonly { readonly id: NodeId; readonly zone: string }[];
  /** Those of them that are not in the formed ring: they join, where the ring changes. None where undefined. */
  readonly spares?: readonly NodeId[];
  readonly replicas: number;
  readonly partitions: number;
  readonly readQuorum: number;
  readonly writeQuorum: number;
  readonly requestTimeoutMs: number;
  readonly keys: readonly string[];
  readonly clients: number;
  readonly operationsPerClient: number;
  readonly thinkMsMax: number;
  /** How long all clients rest half-way, so that seal rounds go through in between; not at all where undefined. */
  readonly restMs?: number;
  /** How long an order to forget what was deleted, and what follows it to that node, is held up at most; not at all where undefined. */
  readonly lateSealsMsMax?: number;
  /** When a node is killed, the only fault then, that stays away for longer than a seal round lasts; none where undefined. */
  readonly absentFromMs?: number;
  /** Longest padding of a value, bytes. */
  readonly paddingMax: number;
  /** Probabilities that a client drops its context, or sends an old one. */
  readonly dropsContext: number;
  readonly replaysContext: number;
  readonly weather: NetworkWeather;
  readonly pipeDelayMsMax: number;
  readonly settings: ScenarioSettings;
  /** How many changes of leaves the tree gathers before it folds them into a block. */
  readonly changesPerFold: number | undefined;
  /** What a quartz is off by at most: 0.001 is a millisecond a second. */
  readonly clockDrift: number;
  readonly faults: ReadonlySet<FaultKind>;
  /** Mean milliseconds between two faults. */
  readonly faultEveryMs: number;
  /**
   * Fault budget: an acknowledged write has W copies, so with W-1 hosts whose disks may lose or corrupt rows, one
   * copy survives. With W=1 no disk may lose anything.
   */
  readonly fragile: ReadonlySet<NodeId>;
}

export function scenarioOf(seed: number): Scenario {
  const random = SeededRandom.ofSeed(seed).fork("scenario");
  const drawn = clusterOf(random.fork("cluster"));
  const seals = sealsOf(random.fork("seals"));
  // One alone, which N=1 may leave, seals without telling anybody (checkers/seals.ts).
  const some = drawn.replicas === 1 ? [] : sparesOf(random.fork("spares"), drawn.nodes);
  const changes = some.length === 0 ? undefined : changesOf(random.fork("changes"), seals !== undefined);
  const focus =
    some.length > 0 ? patienceOf(random.fork("patience")) : seals && forgettingOf(random.fork("forgetting"));
  const spares = focus?.spares ?? some;
  const cluster = { ...drawn, ...focus?.cluster };
  const { nodes, writeQuorum } = cluster;
  const faults = focus?.faults ?? faultsOf(random.fork("faults"));
  const clients = random.fork("clients");
  // A recovered ring may have fewer owners than W, all of which have a write: no copy of theirs is to spare.
  const recovers = changes?.faults.includes("lost_majority") === true;
  const fragileCount = recovers ? 0 : Math.min(writeQuorum - 1, nodes.length);
  return {
    seed,
    ...cluster,
    nodes: [...nodes, ...spares],
    ...(spares.length > 0 && { spares: spares.map(({ id }) => id) }),
    keys: Array.from({ length: focus?.keys ?? clients.pick([1, 1, 2, 3, 5]) }, (_, i) => `k${i}`),
    clients: focus?.clients ?? clients.pick([2, 3, 4, 6]),
    operationsPerClient: focus?.operationsPerClient ?? 15 + clients.below(45),
    thinkMsMax: focus?.thinkMsMax ?? clients.pick([5, 40, 150, 400]),
    paddingMax: clients.pick([0, 20, 20, 200, 3_000]),
    dropsContext: clients.pick([0, 0.1, 0.5]),
    replaysContext: clients.pick([0, 0, 0.1, 0.3]),
    weather: { ...weatherOf(random.fork("weather")), ...focus?.weather },
    pipeDelayMsMax: random.fork("pipes").pick([0.05, 0.5, 5]),
    ...(seals && { restMs: seals.restMs }),
    ...focus?.seals,
    settings: { ...settingsOf(random.fork("settings")), ...changes?.settings, ...seals?.settings },
    changesPerFold: random.fork("folds").pick([undefined, 1, 3]),
    clockDrift: random.fork("drift").pick([0.0001, 0.001, 0.003]),
    // A disk that is put back as it was before a seal brings back what was sealed since: nothing to be done about that.
    faults: new Set([
      ...(changes?.faults ?? []),
      ...(seals === undefined ? faults : without(faults, "old_snapshot")),
    ]),
    faultEveryMs: focus?.faultEveryMs ?? seals?.faultEveryMs ?? random.fork("pace").pick([150, 400, 1_000]),
    fragile: new Set(
      random
        .fork("fragile")
        .shuffled([...nodes, ...spares].map(({ id }) => id))
        .slice(0, fragileCount),
    ),
  };
}

/** In one seed of four, up to three. */
function sparesOf(random: SeededRandom, nodes: Scenario["nodes"]): Scenario["nodes"] {
  if (!random.chance(0.25)) return [];
  const zones = new Set(nodes.map(({ zone }) => zone)).size;
  return Array.from({ length: 1 + random.below(3) }, (_, i) => {
    const index = nodes.length + i;
    return { id: nodeIdOf(index), zone: nodes[0]!.zone === "" ? "" : `zone-${index % Math.max(1, zones)}` };
  });
}

/** What a ring that changes brings along; a recovery in a few seeds. */
function changesOf(random: SeededRandom, hasSeals: boolean) {
  // Whoever a recovery leaves out is asked by no seal round, and comes back with what was sealed since.
  const recovers = !hasSeals && random.chance(0.12);
  const faults: readonly FaultKind[] = recovers ? ["ring_change", "lost_majority"] : ["ring_change"];
  // So late that hints outlive the ownership that they were written for.
  const settings = random.chance(0.15) ? { handoffIntervalMs: 60_000 } : {};
  return { faults, settings };
}

/** In one seed of five; undefined in the others. */
function sealsOf(random: SeededRandom) {
  if (!random.chance(0.2)) return undefined;
  const sealIntervalMs = random.pick([1_000, 5_000]);
  const settings = {
    sealIntervalMs,
    sealPauseMs: SEAL_PAUSE_MS,
    requestTimeoutMsMax: SEAL_PAUSE_MS / 4,
    // So late that hints outlive rounds: else none is left by the time that all members are up.
    handoffIntervalMs: random.pick([2_000, 150_000, 300_000]),
  };
  return {
    settings,
    // Or so long that what was deleted is written again while a round that forgets it comes to its end.
    restMs: random.pick([70_000, 110_000, random.fork("rest").between(SEAL_PAUSE_MS, SEAL_PAUSE_MS + 6_000)]),
    faultEveryMs: random.pick([400, 5_000, 20_000]),
  };
}

function without(faults: ReadonlySet<FaultKind>, kind: FaultKind): ReadonlySet<FaultKind> {
  return new Set([...faults].filter((each) => each !== kind));
}

function settingsOf(random: SeededRandom): ScenarioSettings {
  return {
    handoffIntervalMs: random.fork("handoff").pick([300, 2_000, 10_000]),
    handoffBatchRows: random.fork("batch").pick([1, 2, 128]),
    hintBytesMax: random.fork("hint bytes").pick([2 ** 30, 2 ** 30, 2_000, 500]),
    gossipIntervalMs: random.fork("gossip").pick([500, 1_000]),
    antiEntropyIntervalMs: random.fork("anti-entropy").pick([2_000, 5_000, 15_000]),
    antiEntropyRecheckMs: random.fork("recheck").pick([10, 200, 1_000]),
    scrubIntervalMs: random.fork("scrub").pick([2_000, 5_000, 15_000]),
    siblingsMax: random.fork("siblings").pick([100, 100, 100, 4]),
    readCacheBytesMax: random.fork("cache").pick([0, 10_000, 2 ** 20]),
  };
}

function clusterOf(random: SeededRandom) {
  const count = random.pick([1, 3, 3, 3, 5, 5, 5, 7]);
  const zones = random.pick([0, 0, 3]);
  const nodes = Array.from({ length: count }, (_, i) => ({
    id: nodeIdOf(i),
    zone: zones === 0 ? "" : `zone-${i % zones}`,
  }));
  const replicas = random.pick([3, 3, 3, 3, 2, 5, 1]);
  const n = Math.min(replicas, count);
  const [readQuorum, writeQuorum] = random.pick<[number, number]>([
    [2, 2],
    [2, 2],
    [2, 2],
    [1, n],
    [n, 1],
    [1, 1],
    [n, n],
    [1, 2],
  ]);
  return {
    nodes,
    replicas,
    partitions: random.pick([8, 16]),
    readQuorum: Math.min(readQuorum, n),
    writeQuorum: Math.min(writeQuorum, n),
    requestTimeoutMs: random.pick([300, 1_000, 2_000]),
  };
}

function faultsOf(random: SeededRandom): ReadonlySet<FaultKind> {
  if (random.chance(0.1)) return new Set();
  const focus = random.fork("focus").unit();
  const kinds = focus < 0.1 ? HARMLESS_FAULTS : focus < 0.2 ? FORGETFUL_FAULTS : FAULT_KINDS;
  return new Set([...kinds].filter((kind) => random.fork(kind).chance(0.45)));
}

function weatherOf(random: SeededRandom): NetworkWeather {
  const kind = random.pick(["connections", "connections", "datagrams"] as const);
  return {
    kind,
    latencyMsMin: random.pick([0.05, 0.5, 3]),
    latencyMsMax: random.pick([1, 10, 60, 400]),
    jitter: random.pick([0, 0.05, 0.3]),
    lossRate: random.pick([0, 0.01, 0.1, 0.3]),
    duplicateRate: random.pick([0, 0.01, 0.2, 0.5]),
    windowBytes: random.pick([16 * 1024, 256 * 1024, 1024 * 1024]),
  };
}

/** One line that says what a seed means. */
export function describe(scenario: Scenario): string {
  const { nodes, replicas, readQuorum, writeQuorum, weather, clients, operationsPerClient } = scenario;
  const zones = new Set(nodes.map(({ zone }) => zone)).size;
  return (
    `${nodes.length} nodes in ${zones} zones, N=${replicas} R=${readQuorum} W=${writeQuorum}, ` +
    `${weather.kind} up to ${weather.latencyMsMax} ms, ${clients} clients x ${operationsPerClient} operations on ` +
    `${scenario.keys.length} keys, faults: ${[...scenario.faults].join(" ") || "none"}, ` +
    `fragile: ${[...scenario.fragile].map((id) => id.slice(-2)).join(" ") || "none"}`
  );
}
