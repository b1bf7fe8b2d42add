import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";

/** How the objects of a cluster are found. */

export type Labels = Readonly<Record<string, string>>;

/** Of every pod of the cluster, and what its services select. */
export function selectorLabels(cluster: DynamoCluster): Labels {
  return {
    "app.kubernetes.io/name": "dynamokv",
    "app.kubernetes.io/instance": cluster.metadata.name,
    "app.kubernetes.io/component": "node",
  };
}

/** Of every object that the operator makes for the cluster. */
export function objectLabels(cluster: DynamoCluster): Labels {
  return { ...selectorLabels(cluster), "app.kubernetes.io/managed-by": "dynamokv-operator" };
}

/** As the scale subresource wants it. */
export function selectorText(cluster: DynamoCluster): string {
  return Object.entries(selectorLabels(cluster))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}
