import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";

/** "namespace/name": what the queue holds, and what everything that is kept for a cluster goes by. */
export function clusterKey({ metadata }: DynamoCluster): string {
  return `${metadata.namespace}/${metadata.name}`;
}
