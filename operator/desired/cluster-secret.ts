import type { V1Secret } from "@kubernetes/client-node";
import { CONTAINER_SECRET_FILE } from "../../node/contract/pod-contract.ts";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { objectLabels } from "./labels.ts";
import { secretName } from "./names.ts";
import { ownerOf } from "./owner.ts";

/** Key of the Secret that holds the file of the cluster secret. */
export const SECRET_KEY = CONTAINER_SECRET_FILE.slice(CONTAINER_SECRET_FILE.lastIndexOf("/") + 1);

/**
 * The secret is made once and never changed by the operator. It lives as long as the volumes: contexts that clients
 * hold and the nodes' trust in each other depend on it.
 *
 * `drawn`: the text of a fresh secret file, used only where there is none yet.
 */
export function clusterSecret(cluster: DynamoCluster, drawn: string): V1Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: secretName(cluster),
      namespace: cluster.metadata.namespace,
      labels: { ...objectLabels(cluster) },
      ...(cluster.spec.storage.reclaimPolicy === "Delete" ? { ownerReferences: [ownerOf(cluster)] } : {}),
    },
    type: "Opaque",
    stringData: { [SECRET_KEY]: drawn },
  };
}
