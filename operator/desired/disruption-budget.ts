import type { V1PodDisruptionBudget } from "@kubernetes/client-node";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { objectLabels, selectorLabels } from "./labels.ts";
import { disruptionBudgetName } from "./names.ts";
import { ownerOf } from "./owner.ts";

/**
 * Drains take one of `nodes` at a time (plan/budgeted-nodes.ts). By a number, since what Kubernetes would count itself is pods: one that
 * has yet to join, or has left, is not ready, and while it is there no member could be drained. There is none where it could only
 * block a drain for ever: a single node, or a single copy of each key. Pods that are not ready never hold a drain up.
 */
export function disruptionBudget(cluster: DynamoCluster, nodes: number): V1PodDisruptionBudget | undefined {
  const { size, replication, disruptionBudget: wanted } = cluster.spec;
  if (!wanted || size === 1 || replication.factor === 1) return undefined;
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: {
      name: disruptionBudgetName(cluster),
      namespace: cluster.metadata.namespace,
      labels: { ...objectLabels(cluster) },
      ownerReferences: [ownerOf(cluster)],
    },
    spec: {
      minAvailable: nodes - 1,
      unhealthyPodEvictionPolicy: "AlwaysAllow",
      selector: { matchLabels: { ...selectorLabels(cluster) } },
    },
  };
}
