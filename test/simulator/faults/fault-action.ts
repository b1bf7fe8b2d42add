import type { NodeId } from "../../../node/core/node-id.ts";
import type { FaultKind, Scenario } from "../scenario.ts";
import { DESTRUCTIVE_FAULTS } from "../scenario.ts";
import type { SeededRandom } from "../world/seeded-random.ts";

/**
 * One fault as plain data: what is done to whom, decided without a look at the cluster. So a run's faults can be
 * written down, taken away one by one, and made to happen again. Where a fault needs to choose among what is there at
 * that moment (a row, a bit), it brings the number that its choice follows from.
 */
export type FaultAction =
  | {
      readonly kind: "netsplit" | "one_way_netsplit" | "isolation";
      /** Directed pairs: nothing gets from the first to the second. */
      readonly blocked: readonly (readonly [NodeId, NodeId])[];
      readonly lastsMs: number;
      /** A node of each side, which is asked for a change of the ring as soon as they are apart. */
      readonly asked?: readonly [NodeId, NodeId];
      readonly choice?: number;
    }
  | { readonly kind: "clog"; readonly from: readonly NodeId[]; readonly to: NodeId; readonly lastsMs: number }
  | { readonly kind: "kill" | "power_loss"; readonly node: NodeId; readonly downMs: number }
  | { readonly kind: "power_loss_everywhere"; readonly downMs: readonly number[] }
  | { readonly kind: "pause"; readonly node: NodeId; readonly lastsMs: number }
  | { readonly kind: "disk_full"; readonly node: NodeId; readonly lastsMs: number }
  | { readonly kind: "slow_disk"; readonly node: NodeId; readonly slowness: number; readonly lastsMs: number }
  | { readonly kind: "failing_commit"; readonly node: NodeId; readonly commits: number }
  | {
      readonly kind: "failing_read";
      readonly node: NodeId;
      readonly database: Database;
      readonly reads: number;
    }
  | { readonly kind: "lost_ring"; readonly node: NodeId; readonly downMs: number }
  | { readonly kind: "wall_jump"; readonly node: NodeId; readonly byMs: number }
  /** Asked for at this node, and where `second` names one, something else at that one in the same moment. */
  | {
      readonly kind: "ring_change";
      readonly node: NodeId;
      readonly second?: NodeId;
      /**
       * What this node sends to anybody is held up meanwhile: it arrives where the ring has gone on. The change is asked for `aheadMs` later:
       * what this node has planned by then is planned by the ring before.
       */
      readonly held?: { readonly from: NodeId; readonly aheadMs: number; readonly lastsMs: number };
      readonly choice: number;
    }
  /** Of those that decide by the ring of this node, which is left. */
  | { readonly kind: "lost_majority"; readonly node: NodeId; readonly choice: number }
  | {
      readonly kind: "rotten_row" | "lost_row";
      readonly node: NodeId;
      readonly database: Database;
      readonly choice: number;
    }
  | { readonly kind: "rotten_leaf" | "rotten_root"; readonly node: NodeId; readonly choice: number }
  | {
      readonly kind: "lost_database" | "old_snapshot";
      readonly node: NodeId;
      readonly databases: readonly Database[];
      /** How old the snapshot is; 0 for an empty disk. */
      readonly ageMs: number;
      readonly downMs: number;
      /** Whether what the node remembers of its peers' acknowledgements goes the same way. */
      readonly takesMemory: boolean;
    };

export type Database = "data" | "hints";

/** A crash while a commit is under way: the `commit`-th of this node. */
export interface CommitCrash {
  readonly kind: "crash_in_commit";
  readonly node: NodeId;
  readonly commit: number;
  /** How far the commit gets, from 0 to 1. */
  readonly share: number;
  readonly how: "kill" | "power";
  /** Where the power fails everywhere, of every node; else of this one. */
  readonly downMs: readonly number[];
}

const DAY_MS = 86_400_000;

/** Of the faults, where rings change: most find one under way. */
const RING_CHANGES = 0.4;

/** Kinds that strike by the clock. */
export function timedKinds({ faults, fragile }: Scenario): Exclude<FaultKind, "crash_in_commit">[] {
  return [...faults].filter(
    (kind) => kind !== "crash_in_commit" && (fragile.size > 0 || !DESTRUCTIVE_FAULTS.has(kind)),
  ) as Exclude<FaultKind, "crash_in_commit">[];
}

/** Faults that destroy copies stay on the fragile hosts. */
export function drawFault(scenario: Scenario, luck: SeededRandom): FaultAction {
  const isChange = scenario.faults.has("ring_change") && luck.fork("ring").chance(RING_CHANGES);
  const kind = isChange ? "ring_change" : luck.pick(timedKinds(scenario));
  const ids = scenario.nodes.map(({ id }) => id);
  const node = luck.pick(DESTRUCTIVE_FAULTS.has(kind) ? ids.filter((id) => scenario.fragile.has(id)) : ids);
  switch (kind) {
    case "ring_change":
      return {
        kind,
        node,
        ...(luck.chance(0.2) && { second: luck.pick(ids) }),
        ...(luck.fork("held").chance(isPatient(scenario) ? 0.8 : 0.3) && {
          held: drawHeld(scenario, luck.fork("held from")),
        }),
        choice: luck.u32(),
      };
    case "netsplit": {
      const split = drawSplit(kind, { ids, node }, luck);
      return scenario.faults.has("ring_change") ? withProposals(split, luck.fork("sides")) : split;
    }
    case "one_way_netsplit":
    case "isolation":
      return drawSplit(kind, { ids, node }, luck);
    case "lost_majority":
      return { kind, node, choice: luck.u32() };
    case "clog": {
      const lastsMs = luck.skewed(50, 5_000);
      return { kind, from: ids.filter((id) => id !== node && !luck.chance(0.3)), to: node, lastsMs };
    }
    case "kill":
    case "power_loss":
      return { kind, node, downMs: isAbsence(scenario, luck) ? ABSENCE_MS : luck.skewed(20, 4_000) };
    case "power_loss_everywhere":
      return { kind, downMs: ids.map(() => luck.skewed(20, 4_000)) };
    case "pause":
      return { kind, node, lastsMs: luck.skewed(20, 3_000) };
    case "disk_full":
      return { kind, node, lastsMs: luck.skewed(50, 2_000) };
    case "slow_disk":
      return { kind, node, slowness: luck.between(5, 200), lastsMs: luck.skewed(100, 3_000) };
    case "failing_commit":
      return { kind, node, commits: 1 + luck.below(3) };
    case "failing_read":
      return { kind, node, database: luck.chance(0.8) ? "data" : "hints", reads: 1 + luck.below(5) };
    case "lost_ring":
      return { kind, node, downMs: luck.skewed(20, 2_000) };
    case "wall_jump":
      return { kind, node, byMs: luck.between(-30 * DAY_MS, 30 * DAY_MS) };
    case "rotten_row":
    case "lost_row":
      return { kind, node, database: luck.chance(0.8) ? "data" : "hints", choice: luck.u32() };
    case "rotten_leaf":
    case "rotten_root":
      return { kind, node, choice: luck.u32() };
    case "lost_database":
    case "old_snapshot":
      return drawLoss(kind, node, luck);
  }
}

/** Of a node that is away for longer than a seal round lasts. */
export function drawAbsence({ nodes }: Scenario, luck: SeededRandom): FaultAction {
  return { kind: "kill", node: luck.pick(nodes).id, downMs: ABSENCE_MS };
}

/** Where there are seal rounds, and few faults: else no round goes through. */
function isAbsence({ restMs, faultEveryMs }: Scenario, luck: SeededRandom): boolean {
  return restMs !== undefined && faultEveryMs >= 5_000 && luck.fork("absence").chance(0.3);
}

/** Longer than a seal round with its pause. */
const ABSENCE_MS = 60_000;

/** Requests last longer than a change. */
function isPatient({ requestTimeoutMs }: Scenario): boolean {
  return requestTimeoutMs > 5_000;
}

/** No longer than a request may wait for it, where that is long enough for a change. */
function drawHeld(scenario: Scenario, luck: SeededRandom) {
  const { nodes, requestTimeoutMs } = scenario;
  const { id } = luck.pick(nodes);
  const lastsMs = luck.between(500, Math.max(3_500, requestTimeoutMs * 0.9));
  return {
    from: id,
    lastsMs,
    aheadMs: isPatient(scenario) ? luck.fork("ahead").between(0, Math.min(2_000, lastsMs / 2)) : 0,
  };
}

function withProposals(split: Split, luck: SeededRandom): Split {
  const asked = split.blocked[0];
  return asked !== undefined && luck.chance(0.4) ? { ...split, asked, choice: luck.u32() } : split;
}

type Split = Extract<FaultAction, { kind: "netsplit" | "one_way_netsplit" | "isolation" }>;

function drawSplit(
  kind: Split["kind"],
  { ids, node }: { ids: readonly NodeId[]; node: NodeId },
  luck: SeededRandom,
): Split {
  const lastsMs = luck.skewed(100, 5_000);
  const others = luck.shuffled(ids.filter((id) => id !== node));
  // Nothing can be split where there is one.
  if (others.length === 0) return { kind, blocked: [], lastsMs };
  if (kind === "one_way_netsplit") {
    const isDeaf = luck.chance(0.5);
    const some = others.slice(0, 1 + luck.below(others.length));
    const blocked = some.map((other) => (isDeaf ? ([other, node] as const) : ([node, other] as const)));
    return { kind, blocked, lastsMs };
  }
  const company = kind === "isolation" ? 0 : luck.below(others.length);
  const left = [node, ...others.slice(0, company)];
  const blocked = left.flatMap((one) =>
    others.slice(company).flatMap((other) => [[one, other] as const, [other, one] as const]),
  );
  return { kind, blocked, lastsMs };
}

function drawLoss(kind: "lost_database" | "old_snapshot", node: NodeId, luck: SeededRandom): FaultAction {
  return {
    kind,
    node,
    databases: luck.pick<readonly Database[]>([["data"], ["hints"], ["data", "hints"]]),
    ageMs: kind === "lost_database" ? 0 : luck.skewed(50, 3_000),
    downMs: luck.skewed(20, 2_000),
    takesMemory: luck.chance(0.5),
  };
}

/** The crash in this commit, or, for most commits, none. */
export function drawCommitCrash(
  { faults, nodes }: Scenario,
  { node, commit }: { node: NodeId; commit: number },
  luck: SeededRandom,
): CommitCrash | undefined {
  if (!faults.has("crash_in_commit") || !luck.chance(0.02)) return undefined;
  const everywhere = faults.has("power_loss_everywhere") && luck.chance(0.3);
  return {
    kind: "crash_in_commit",
    node,
    commit,
    share: luck.unit(),
    how: everywhere ? "power" : luck.pick(["kill", "power"]),
    downMs: (everywhere ? nodes : [node]).map(() => luck.skewed(20, 4_000)),
  };
}
