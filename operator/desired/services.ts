import type { V1Service } from "@kubernetes/client-node";
import { ADMIN_PORT, CLIENT_PORT, PEER_PORT } from "../../node/contract/pod-contract.ts";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { objectLabels, selectorLabels } from "./labels.ts";
import { clientServiceName, nodesServiceName } from "./names.ts";
import { ownerOf } from "./owner.ts";

/** Where clients connect: any node that is ready. */
export function clientService(cluster: DynamoCluster): V1Service {
  return {
    ...header(cluster, clientServiceName(cluster)),
    spec: {
      type: "ClusterIP",
      selector: { ...selectorLabels(cluster) },
      ports: [{ name: "client", port: CLIENT_PORT, targetPort: "client", protocol: "TCP" }],
    },
  };
}

/** Gives each pod its name in DNS, also before it is ready: nodes find each other by it to become ready. */
export function nodesService(cluster: DynamoCluster): V1Service {
  return {
    ...header(cluster, nodesServiceName(cluster)),
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { ...selectorLabels(cluster) },
      ports: [
        { name: "client", port: CLIENT_PORT, targetPort: "client", protocol: "TCP" },
        { name: "admin", port: ADMIN_PORT, targetPort: "admin", protocol: "TCP" },
        { name: "peer", port: PEER_PORT, targetPort: "peer", protocol: "TCP" },
      ],
    },
  };
}

function header(cluster: DynamoCluster, name: string) {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name,
      namespace: cluster.metadata.namespace,
      labels: { ...objectLabels(cluster) },
      ownerReferences: [ownerOf(cluster)],
    },
  };
}
