import type { AdminRing } from "../../../node/contract/admin-types.ts";
import type { RingPlan } from "../../../node/contract/ring-change-types.ts";
import { LEFT_CLAIM } from "../../../operator/api/v1alpha1/annotations.ts";
import type { DynamoClusterSpec } from "../../../operator/api/v1alpha1/dynamo-cluster.ts";
import type { NodeReport, ObservedState } from "../../../operator/observe/observed-state.ts";
import { clusterOf, nodeIdOf, observedOf, type SketchedNode, zoneOf } from "./observed-cluster.ts";

/** A cluster whose size was changed, at any point of the way. Node i is in the i-th pod. */
export interface Resizing {
  /** As asked for. */
  readonly size: number;
  /** As many pods as the StatefulSets have, made for a cluster of this size. */
  readonly pods: number;
  /** Members of the ring, by their nodes. */
  readonly members: readonly number[];
  readonly joining?: readonly number[];
  readonly leaving?: readonly number[];
  readonly phase?: "transfer" | "flipped";
  readonly changeId?: string;
  /** Nodes that were members: they have an older ring, and keep so many keys. */
  readonly left?: Readonly<Record<number, number>>;
  /** Nodes that have left, and that the ring lists until they keep nothing. */
  readonly departed?: readonly number[];
  /** Nodes of which nobody that answers has heard, as after a power cut. */
  readonly unheard?: readonly number[];
  /** Claims that are noted as those of nodes that have left. */
  readonly marked?: readonly number[];
  /** Claims without pods, beside those of the pods. */
  readonly claimsMax?: number;
  readonly sketches?: Readonly<Record<number, SketchedNode>>;
  readonly spec?: Partial<DynamoClusterSpec>;
  readonly freeBytes?: number;
  readonly epoch?: number;
}

export function resizing(given: Resizing): ObservedState {
  const { size, pods, members, left = {}, marked = [], sketches = {}, spec = {} } = given;
  const isMember = (index: number): boolean => members.includes(index);
  const made = observedOf(
    clusterOf({ ...spec, size: pods }),
    Array.from({ length: pods }, (_, index) => ({
      hasRing: isMember(index) || index in left,
      ...sketches[index],
    })),
  );
  const names = Array.from(
    { length: Math.max(pods, given.claimsMax ?? 0) },
    (_, i) => made.claims[i]?.metadata?.name ?? `data-demo-${i}`,
  );
  const ring = ringOf(
    given,
    made.claims.map(({ metadata }) => zoneOf(metadata!.name!.slice("data-".length), made.cluster)),
  );
  return {
    ...made,
    cluster: clusterOf({ ...spec, size }),
    claims: names.map((name, index) => ({
      ...made.claims[Math.min(index, made.claims.length - 1)]!,
      metadata: {
        name,
        namespace: "shop",
        uid: `uid-of-${name}`,
        resourceVersion: "3",
        annotations: marked.includes(index) ? { [LEFT_CLAIM]: nodeIdOf(index) } : {},
      },
    })),
    statefulSets: made.statefulSets.map((set) => ({
      ...set,
      metadata: { ...set.metadata, resourceVersion: "9" },
    })),
    reports: made.reports.map((report) => (report.answered ? reportIn(given, ring, report) : report)),
  };
}

function reportIn(
  { members, left = {}, freeBytes = 10 * 2 ** 30, pods, unheard = [] }: Resizing,
  ring: AdminRing,
  report: Extract<NodeReport, { answered: true }>,
): NodeReport {
  const index = Number(report.status.node.id.slice(-12)) - 1;
  const keysKept = left[index];
  const own = members.includes(index)
    ? ring
    : keysKept === undefined
      ? undefined
      : { ...ring, epoch: 1, hash: "old" };
  // A node lists every member of its ring, by no address where it has not heard of it.
  const known = [...new Set([...Array(pods).keys(), ...members])].filter(
    (other) => !unheard.includes(other) || members.includes(other),
  );
  const listed = known.map((other) => ({
    ...report.members[0]!,
    id: nodeIdOf(other),
    ...(unheard.includes(other) || other >= pods
      ? { address: "", reachable: false }
      : { address: report.members[other]!.address }),
    state: members.includes(other) ? ("active" as const) : ("none" as const),
  }));
  return {
    ...report,
    ring: own,
    keysKept,
    members: own === undefined ? [] : listed,
    status: {
      ...report.status,
      state: own === undefined ? "no_ring" : keysKept === undefined ? report.status.state : "left",
      hints: { ...report.status.hints, pending: {} },
      storage: { keys: own === undefined ? 0 : 100, bytes: 1_000_000, volumeFreeBytes: freeBytes },
    },
  };
}

function ringOf(
  { members, joining = [], leaving = [], phase = "transfer", changeId, epoch = 7, departed = [] }: Resizing,
  zones: readonly string[],
): AdminRing {
  const isChanging = joining.length + leaving.length > 0;
  const type = joining.length > 0 ? "join" : "leave";
  return {
    clusterId: "demo-11111111",
    generation: 0,
    epoch,
    hash: "new",
    parameters: { partitions: 8, replicas: 3, hash: "md5", leafFormat: 1 },
    featureLevel: 2,
    members: members.map((index) => ({
      id: nodeIdOf(index),
      zone: zones[index] ?? "",
      state: joining.includes(index) ? "joining" : leaving.includes(index) ? "leaving" : "active",
    })),
    owners: Array.from({ length: 8 }, (_, partition) => partition % members.length),
    ...(departed.length === 0 ? {} : { departed: departed.map(nodeIdOf) }),
    change: isChanging ? { changeId: changeId ?? `operator-${type}-0.${epoch - 1}`, type, phase } : null,
  };
}

/** The claim of demo-3 is not bound. */
export function withoutVolume(observed: ObservedState): ObservedState {
  const claims = observed.claims.map((claim) =>
    claim.metadata?.name === "data-demo-3" ? { ...claim, spec: {}, status: {} } : claim,
  );
  return { ...observed, claims };
}

/** A plan by which each node of `gains` receives so many bytes. */
export function leavePlan(gains: Readonly<Record<number, number>>): RingPlan {
  return {
    generation: 0,
    epoch: 7,
    hash: "new",
    type: "leave",
    joining: [],
    leaving: [],
    nodes: Object.entries(gains).map(([index, bytesGained]) => ({
      id: nodeIdOf(Number(index)),
      address: "",
      zone: "",
      owned: { before: 1, after: 2 },
      copies: { before: 1, after: 2 },
      bytesGained,
    })),
    transfers: [],
    copiesMovedMin: 0,
    ownersMoved: 0,
    ownersMovedMin: 0,
    bytesMoved: 1,
  };
}
