import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";

/** What the objects of a cluster are called. Part of the contract: users and other programs find them by name. */

/** Where clients connect. */
export function clientServiceName(cluster: DynamoCluster): string {
  return cluster.metadata.name;
}

/** The headless service that gives each pod its name in DNS. */
export function nodesServiceName(cluster: DynamoCluster): string {
  return `${cluster.metadata.name}-nodes`;
}

export function configMapName(cluster: DynamoCluster): string {
  return `${cluster.metadata.name}-nodes`;
}

export function serviceAccountName(cluster: DynamoCluster): string {
  return `${cluster.metadata.name}-nodes`;
}

export function secretName(cluster: DynamoCluster): string {
  return `${cluster.metadata.name}-secret`;
}

export function disruptionBudgetName(cluster: DynamoCluster): string {
  return cluster.metadata.name;
}

/** `zone` is empty where the cluster names none. */
export function statefulSetName(cluster: DynamoCluster, zone: string): string {
  return zone === "" ? cluster.metadata.name : `${cluster.metadata.name}-${zone}`;
}

/** Name of the claim template; a pod's claim is `data-<pod>`. */
export const DATA_VOLUME = "data";

export function claimName(pod: string): string {
  return `${DATA_VOLUME}-${pod}`;
}
