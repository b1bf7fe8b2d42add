import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { statefulSetName } from "./names.ts";

/** One StatefulSet a zone, because a single one cannot promise where its next pod lands; one in all without zones. */
export interface ZoneShare {
  /** Empty where the cluster names no zones. */
  readonly zone: string;
  readonly statefulSet: string;
  readonly nodes: number;
}

/** Splits the nodes evenly; the first zones get one more where they do not divide. */
export function zoneShares(cluster: DynamoCluster): readonly ZoneShare[] {
  const { size, zones } = cluster.spec;
  const names = zones ?? [""];
  return names.map((zone, index) => ({
    zone,
    statefulSet: statefulSetName(cluster, zone),
    nodes: Math.floor(size / names.length) + (index < size % names.length ? 1 : 0),
  }));
}

/** Names of all pods that the cluster shall have, zone by zone. */
export function podNames(cluster: DynamoCluster): readonly string[] {
  return zoneShares(cluster).flatMap(({ statefulSet, nodes }) =>
    Array.from({ length: nodes }, (_, ordinal) => `${statefulSet}-${ordinal}`),
  );
}
