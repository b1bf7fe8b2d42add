import type { V1PersistentVolumeClaim, V1Pod, V1StatefulSet } from "@kubernetes/client-node";
import { preferenceLists } from "../../../node/core/ring/preference-list.ts";
import type { Ring } from "../../../node/core/ring/ring.ts";
import type { AdminRing, AdminStatus, NodeState } from "../../../node/contract/admin-types.ts";
import type { DynamoCluster, DynamoClusterSpec } from "../../../operator/api/v1alpha1/dynamo-cluster.ts";
import { TEMPLATE_HASH } from "../../../operator/api/v1alpha1/annotations.ts";
import { statefulSet, templateHash } from "../../../operator/desired/stateful-set.ts";
import { zoneShares } from "../../../operator/desired/zone-plan.ts";
import type { NodeReport, ObservedState } from "../../../operator/observe/observed-state.ts";

/** Clusters as the operator may find them: a healthy one of three nodes, and what tests change of it. */
export const IMAGE = "example/dynamokv:1";

export function clusterOf(spec: Partial<DynamoClusterSpec> = {}): DynamoCluster {
  return {
    apiVersion: "dynamokv.io/v1alpha1",
    kind: "DynamoCluster",
    metadata: {
      name: "demo",
      namespace: "shop",
      uid: "11111111-2222-4333-8444-555555555555",
      generation: 1,
      resourceVersion: "1",
    },
    spec: {
      size: 3,
      replication: { factor: 3, readQuorum: 2, writeQuorum: 2 },
      partitions: 256,
      storage: { size: "10Gi", reclaimPolicy: "Retain", whenScaled: "Delete" },
      resources: { requests: { cpu: "100m", memory: "384Mi" } },
      imagePullPolicy: "IfNotPresent",
      updatePolicy: "OnSpecChange",
      paused: false,
      disruptionBudget: true,
      settings: { logLevel: "info" },
      pod: { terminationGracePeriodSeconds: 30 },
      ...spec,
    },
  };
}

export function nodeIdOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index + 1).padStart(12, "0")}`;
}

export interface SketchedNode {
  readonly id?: string;
  readonly state?: NodeState;
  readonly ready?: boolean;
  readonly terminating?: boolean;
  /** False: its pod runs another template. */
  readonly upToDate?: boolean;
  /** No pod at all, or one that does not answer. */
  readonly missing?: "pod" | "answer";
  readonly hasRing?: boolean;
  readonly ringHash?: string;
  readonly clusterId?: string;
  readonly hintsPending?: number;
  readonly uptimeSeconds?: number;
  /** Seconds since it last compared its keys with each other node; undefined for never. */
  readonly comparedSecondsAgo?: number | undefined;
  readonly volume?: string;
}

/** Its pod is there and does not answer. */
export const SILENT: SketchedNode = { missing: "answer", ready: false };

/** A cluster of as many nodes as `size` asks for, all serving one ring, but for what `sketches` say otherwise. */
export function observedOf(
  cluster: DynamoCluster = clusterOf(),
  sketches: readonly SketchedNode[] = [],
): ObservedState {
  const sets: V1StatefulSet[] = [];
  const pods: V1Pod[] = [];
  const claims: V1PersistentVolumeClaim[] = [];
  const reports: NodeReport[] = [];
  const names: string[] = [];
  for (const share of zoneShares(cluster)) {
    const set = { ...statefulSet(cluster, { share, image: IMAGE, live: undefined }) };
    sets.push({ ...set, metadata: { ...set.metadata, uid: `uid-of-${share.statefulSet}` } });
    for (let ordinal = 0; ordinal < share.nodes; ordinal++) names.push(`${share.statefulSet}-${ordinal}`);
  }
  const ids = names.map((_, index) => sketches[index]?.id ?? nodeIdOf(index));
  names.forEach((pod, index) => {
    const sketch = sketches[index] ?? {};
    const set = sets.find(({ metadata }) => pod.startsWith(`${metadata!.name}-`))!;
    claims.push(claimOf(pod, sketch.volume ?? cluster.spec.storage.size));
    if (sketch.missing === "pod") return;
    pods.push(podOf(pod, set, sketch));
    reports.push(reportOf({ pod, id: ids[index]!, cluster, names, ids, sketch }));
  });
  return { cluster, statefulSets: sets, pods, claims, reports, now: "2026-01-01T00:00:00Z" };
}

/** Whom a node compares its keys with: by the nodes' own walk of the ring. */
function coOwners(id: string, ring: AdminRing): readonly string[] {
  const lists = preferenceLists(ring as unknown as Ring).map(({ owners }) => owners as readonly string[]);
  return [...new Set(lists.filter((owners) => owners.includes(id)).flat())].filter((owner) => owner !== id);
}

/** Empty where the cluster names no zones. */
export function zoneOf(pod: string, { metadata, spec }: DynamoCluster): string {
  return spec.zones?.find((zone) => pod.startsWith(`${metadata.name}-${zone}-`)) ?? "";
}

function claimOf(pod: string, size: string): V1PersistentVolumeClaim {
  return {
    metadata: { name: `data-${pod}`, namespace: "shop" },
    spec: { resources: { requests: { storage: size } }, volumeName: `volume-of-${pod}` },
    status: { capacity: { storage: size } },
  };
}

function podOf(
  pod: string,
  set: V1StatefulSet,
  { ready = true, terminating, upToDate = true }: SketchedNode,
): V1Pod {
  const hash = upToDate ? templateHash(set.spec!.template)! : "another";
  return {
    metadata: {
      name: pod,
      namespace: "shop",
      uid: `uid-of-${pod}`,
      resourceVersion: "7",
      annotations: { [TEMPLATE_HASH]: hash },
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "StatefulSet", name: set.metadata!.name!, uid: set.metadata!.uid! },
      ],
      ...(terminating === true ? { deletionTimestamp: new Date(0) } : {}),
    },
    status: {
      podIP: "10.0.0.1",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: [
        { name: "node", image: IMAGE, imageID: "", ready, restartCount: 0, state: { running: {} } },
      ],
    },
  };
}

function reportOf({
  pod,
  id,
  cluster,
  names,
  ids,
  sketch,
}: {
  pod: string;
  id: string;
  cluster: DynamoCluster;
  names: readonly string[];
  ids: readonly string[];
  sketch: SketchedNode;
}): NodeReport {
  if (sketch.missing === "answer") return { pod, answered: false, reason: "connection refused" };
  const hasRing = sketch.hasRing ?? true;
  const members = names.map((_, index) => nodeIdOf(index));
  const hash = sketch.ringHash ?? "abc";
  const clusterId = sketch.clusterId ?? "demo-11111111";
  const ring: AdminRing = {
    clusterId,
    generation: 0,
    epoch: 1,
    hash,
    parameters: { partitions: 8, replicas: cluster.spec.replication.factor, hash: "md5", leafFormat: 1 },
    featureLevel: 1,
    members: members.map((member, index) => ({
      id: member,
      zone: zoneOf(names[index]!, cluster),
      state: "active",
    })),
    owners: Array.from({ length: 8 }, (_, partition) => partition % members.length),
    change: null,
  };
  const status = {
    node: {
      id,
      address: `${pod}.demo-nodes.shop.svc:7080`,
      zone: zoneOf(pod, cluster),
      version: "0.1.0",
      clientAddress: "",
    },
    state: sketch.state ?? (hasRing ? "serving" : "no_ring"),
    clusterId: hasRing ? clusterId : "",
    ring: { epoch: hasRing ? 1 : 0, hash: hasRing ? hash : "" },
    hints: { pending: { [nodeIdOf(1)]: sketch.hintsPending ?? 0 } },
    antiEntropy: {
      lastExchange: Object.fromEntries(
        coOwners(id, ring).map((peer) => [
          peer,
          { outcome: "equal", agoMs: 1_000 * (sketch.comparedSecondsAgo ?? 5) },
        ]),
      ),
    },
    storage: { keys: 100, bytes: 1_000_000, volumeFreeBytes: 10 * 2 ** 30 },
    uptimeSeconds: sketch.uptimeSeconds ?? 1_000,
  } as unknown as AdminStatus;
  return {
    pod,
    answered: true,
    status,
    ring: hasRing ? ring : undefined,
    members: members.map((member, index) => ({
      id: member,
      address: `${names[index]}.demo-nodes.shop.svc:7080`,
      zone: "",
      version: "0.1.0",
      clientAddress: "",
      state: "active",
      reachable: ids.includes(member),
      self: member === id,
    })) as never,
  };
}
