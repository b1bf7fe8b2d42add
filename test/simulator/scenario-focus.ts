import { type NodeId, parseNodeId } from "../../node/core/node-id.ts";
import type { FaultKind, Scenario } from "./scenario.ts";
import type { NetworkWeather } from "./world/simulated-network.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

/** What a seed draws instead that looks for one thing, which seldom happens among others. */
export interface Focus {
  readonly cluster: Pick<Scenario, "nodes" | "replicas" | "readQuorum" | "writeQuorum" | "requestTimeoutMs">;
  readonly spares: Scenario["nodes"];
  readonly faults: ReadonlySet<FaultKind>;
  readonly keys: number;
  readonly clients: number;
  readonly operationsPerClient: number;
  readonly thinkMsMax: number;
  readonly faultEveryMs: number;
  readonly weather: Pick<NetworkWeather, "kind" | "latencyMsMax">;
  readonly seals?: Pick<Scenario, "restMs" | "lateSealsMsMax" | "absentFromMs">;
}

/**
 * Requests that may last longer than a change needs to flip, in some seeds with changes: what is held up then was planned by a ring that
 * others have left behind. Of three nodes, so that no stand-in takes the place of whoever is held up.
 */
export function patienceOf(random: SeededRandom): Focus | undefined {
  if (!random.chance(0.3)) return undefined;
  const [readQuorum, writeQuorum] = random.pick<[number, number]>([
    [2, 2],
    [1, 3],
    [1, 3],
  ]);
  const nodes = plainNodes(5);
  return {
    cluster: {
      nodes: nodes.slice(0, 3),
      replicas: 3,
      readQuorum,
      writeQuorum,
      requestTimeoutMs: PATIENCE_MS,
    },
    spares: nodes.slice(3),
    faults: new Set(random.chance(0.5) ? [] : ["clog", "pause"]),
    keys: random.pick([2, 5]),
    clients: 6,
    operationsPerClient: 25 + random.below(20),
    // So that the ring begins to change while clients work: a new one cannot before it is raised.
    thinkMsMax: 1_500,
    faultEveryMs: 4_000,
    weather: { kind: "connections", latencyMsMax: random.pick([1, 10, 60]) },
  };
}

/**
 * Seal rounds that go through where one should not, or late, in some seeds with seals: a member is away for longer than a round lasts, and has not
 * heard of what was deleted before the others rest; or what was deleted is written again while orders to forget it are on their way.
 */
export function forgettingOf(random: SeededRandom): Focus | undefined {
  if (!random.chance(0.5)) return undefined;
  const isAbsence = random.chance(0.5);
  const count = random.pick([3, 3, 5]);
  return {
    cluster: {
      nodes: plainNodes(count),
      replicas: 3,
      readQuorum: 2,
      writeQuorum: 2,
      requestTimeoutMs: 1_000,
    },
    spares: [],
    faults: new Set(isAbsence ? ["kill"] : random.chance(0.5) ? [] : ["clog", "pause"]),
    keys: random.pick([1, 3]),
    clients: 4,
    operationsPerClient: 30 + random.below(20),
    thinkMsMax: 150,
    faultEveryMs: 20_000,
    weather: { kind: "connections", latencyMsMax: random.pick([1, 10, 60]) },
    seals: isAbsence
      ? { restMs: 70_000, absentFromMs: random.between(300, 1_500) }
      : { restMs: random.between(SEAL_PAUSE_MS, SEAL_PAUSE_MS + 9_000), lateSealsMsMax: 3_000 },
  };
}

function plainNodes(count: number): Scenario["nodes"] {
  return Array.from({ length: count }, (_, i) => ({ id: nodeIdOf(i), zone: "" }));
}

/** Of a request: no more than seeds with seal rounds allow. */
const PATIENCE_MS = 8_000;

/** Longer than anything is on its way that was read from a row, the last attempt of an exchange to push it included. */
export const SEAL_PAUSE_MS = 40_000;

export function nodeIdOf(index: number): NodeId {
  return parseNodeId(`00000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`);
}
