import type { V1ConfigMap } from "@kubernetes/client-node";
import {
  ADMIN_PORT,
  CLI_ENV,
  CLIENT_PORT,
  ENV,
  PEER_PORT,
  type SettingName,
} from "../../node/contract/pod-contract.ts";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { objectLabels } from "./labels.ts";
import { clientServiceName, configMapName, nodesServiceName } from "./names.ts";
import { ownerOf } from "./owner.ts";
import { podNames, zoneShares } from "./zone-plan.ts";

/**
 * The settings of the nodes as environment variables. Seeds are among them but apart: they only matter to a node that
 * starts, and a cluster that grows must not restart its nodes because there are more of them. The same holds for what
 * tells the dynamokv command in a pod where all nodes are.
 */
export function configMap(cluster: DynamoCluster): V1ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: configMapName(cluster),
      namespace: cluster.metadata.namespace,
      labels: { ...objectLabels(cluster) },
      ownerReferences: [ownerOf(cluster)],
    },
    data: {
      ...nodeSettings(cluster),
      [ENV.seeds]: seeds(cluster).join(","),
      [CLI_ENV.endpoints]: `http://${clientServiceName(cluster)}.${cluster.metadata.namespace}.svc:${CLIENT_PORT}`,
      [CLI_ENV.adminEndpoints]: podNames(cluster)
        .map((pod) => `http://${pod}.${domainOf(cluster)}:${ADMIN_PORT}`)
        .join(","),
    },
  };
}

/** Those whose change restarts the nodes. */
export function nodeSettings(cluster: DynamoCluster): Readonly<Record<string, string>> {
  const { replication, settings } = cluster.spec;
  const values: Partial<Record<SettingName, number | string | undefined>> = {
    readQuorum: replication.readQuorum,
    writeQuorum: replication.writeQuorum,
    logLevel: settings.logLevel,
    requestTimeoutMs: settings.requestTimeoutMs,
    valueBytesMax: settings.valueBytesMax,
    siblingsMax: settings.siblingsMax,
    readCacheBytesMax: settings.readCacheBytesMax,
    requestsMax: settings.requestsMax,
  };
  const data: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) data[ENV[name as SettingName]] = String(value);
  }
  return data;
}

/** A few pods of each zone by name: whoever of them is up tells the rest. */
const SEEDS_PER_ZONE = 3;

function seeds(cluster: DynamoCluster): string[] {
  return zoneShares(cluster).flatMap(({ statefulSet, nodes }) =>
    Array.from(
      { length: Math.min(nodes, SEEDS_PER_ZONE) },
      (_, ordinal) => `${statefulSet}-${ordinal}.${domainOf(cluster)}:${PEER_PORT}`,
    ),
  );
}

function domainOf(cluster: DynamoCluster): string {
  return `${nodesServiceName(cluster)}.${cluster.metadata.namespace}.svc`;
}
