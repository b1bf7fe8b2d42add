import type { V1OwnerReference } from "@kubernetes/client-node";
import { API_GROUP, API_VERSION, type DynamoCluster, KIND } from "../api/v1alpha1/dynamo-cluster.ts";

/** What Kubernetes deletes together with the cluster carries this. There is no finalizer: a deletion never waits. */
export function ownerOf(cluster: DynamoCluster): V1OwnerReference {
  return {
    apiVersion: `${API_GROUP}/${API_VERSION}`,
    kind: KIND,
    name: cluster.metadata.name,
    uid: cluster.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}
