import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import type { NodeView } from "../observe/node-view.ts";
import type { Step } from "./step.ts";

/**
 * A cluster gets its ring once: when every node answers and none has one. A node that has a ring ends it: then the
 * ring is the truth, whatever this DynamoCluster is, and nothing is formed over retained volumes.
 */
export function formationStep(cluster: DynamoCluster, nodes: readonly NodeView[]): Step | undefined {
  if (nodes.some(({ report }) => report?.ring !== undefined)) return undefined;
  if (nodes.length === 0) {
    return { kind: "wait", reason: "ForPods", message: "the pods are being created", afterMs: 1_000 };
  }
  const silent = nodes.filter(({ report }) => report === undefined);
  if (silent.length > 0) {
    const first = silent[0]!;
    const rest = silent.length === 1 ? "" : ` and ${silent.length - 1} more`;
    const message = `the ring is formed once all ${nodes.length} nodes answer; ${first.pod}: ${first.silence}${rest}`;
    return { kind: "wait", reason: "ForPods", message, afterMs: 1_000 };
  }
  const ids = nodes.map(({ report }) => report!.status.node.id);
  // The one that has met all others proposes: whoever the seeds led everybody to.
  const proposer = nodes.find(({ report }) => {
    const met = new Set(report!.members.filter(({ reachable }) => reachable).map(({ id }) => id));
    return ids.every((id) => met.has(id));
  });
  if (proposer === undefined) {
    const message = `the ring is formed once a node has met all ${nodes.length}; they are looking for each other`;
    return { kind: "wait", reason: "ForNodes", message, afterMs: 500 };
  }
  return { kind: "form_ring", via: proposer.pod, members: ids, clusterId: clusterIdOf(cluster) };
}

/** Told apart from a cluster of the same name that was deleted with its volumes; at most 63 characters. */
function clusterIdOf({ metadata }: DynamoCluster): string {
  return `${metadata.name}-${metadata.uid.slice(0, 8)}`;
}
