/** Where the API server keeps each kind of object that the operator deals with. */

export interface ResourceKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

export const RESOURCES = {
  dynamoClusters: { apiVersion: "dynamokv.io/v1alpha1", kind: "DynamoCluster", plural: "dynamoclusters" },
  statefulSets: { apiVersion: "apps/v1", kind: "StatefulSet", plural: "statefulsets" },
  pods: { apiVersion: "v1", kind: "Pod", plural: "pods" },
  claims: { apiVersion: "v1", kind: "PersistentVolumeClaim", plural: "persistentvolumeclaims" },
  volumes: { apiVersion: "v1", kind: "PersistentVolume", plural: "persistentvolumes" },
  hosts: { apiVersion: "v1", kind: "Node", plural: "nodes" },
  services: { apiVersion: "v1", kind: "Service", plural: "services" },
  configMaps: { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps" },
  secrets: { apiVersion: "v1", kind: "Secret", plural: "secrets" },
  serviceAccounts: { apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts" },
  disruptionBudgets: { apiVersion: "policy/v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets" },
  leases: { apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases" },
  events: { apiVersion: "events.k8s.io/v1", kind: "Event", plural: "events" },
} as const satisfies Readonly<Record<string, ResourceKind>>;

/** Path of a collection; of all namespaces where `namespace` is empty. */
export function collectionPath({ apiVersion, plural }: ResourceKind, namespace: string): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespace === "" ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

export function objectPath(resource: ResourceKind, { namespace, name }: ObjectName): string {
  return `${collectionPath(resource, namespace)}/${name}`;
}

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

export function resourceOf({ apiVersion, kind }: { apiVersion?: string; kind?: string }): ResourceKind {
  const found = Object.values(RESOURCES).find((each) => each.apiVersion === apiVersion && each.kind === kind);
  if (found === undefined) throw new TypeError(`the operator does not deal with ${apiVersion} ${kind}`);
  return found;
}
