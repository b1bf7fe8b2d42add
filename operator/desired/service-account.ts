import type { V1ServiceAccount } from "@kubernetes/client-node";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { objectLabels } from "./labels.ts";
import { serviceAccountName } from "./names.ts";
import { ownerOf } from "./owner.ts";

/** An identity without any right: nodes never speak to the API server. */
export function serviceAccount(cluster: DynamoCluster): V1ServiceAccount {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: {
      name: serviceAccountName(cluster),
      namespace: cluster.metadata.namespace,
      labels: { ...objectLabels(cluster) },
      ownerReferences: [ownerOf(cluster)],
    },
    automountServiceAccountToken: false,
  };
}
