import type {
  KubernetesObject,
  V1ConfigMap,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V1Service,
  V1ServiceAccount,
  V1StatefulSet,
} from "@kubernetes/client-node";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import type { ApiConnection } from "./api-connection.ts";
import { ResourceWatcher } from "./resource-watcher.ts";
import { RESOURCES, type ResourceKind } from "./resource-path.ts";

/**
 * Copies of everything the operator looks at but Secrets, which it reads one by one: at rest it asks the API server
 * for nothing. Any change leads to the cluster it belongs to, whose key is "namespace/name".
 */
export interface CachesOptions {
  readonly api: ApiConnection;
  /** Empty for all namespaces. */
  readonly namespace: string;
  readonly onChange: (clusterKey: string) => void;
  readonly onTrouble: (message: string) => void;
}

const OURS = "app.kubernetes.io/name=dynamokv,app.kubernetes.io/component=node";
const INSTANCE = "app.kubernetes.io/instance";

export class ClusterCaches {
  readonly clusters: ResourceWatcher<DynamoCluster & KubernetesObject>;
  readonly statefulSets: ResourceWatcher<V1StatefulSet>;
  readonly pods: ResourceWatcher<V1Pod>;
  readonly claims: ResourceWatcher<V1PersistentVolumeClaim>;
  readonly services: ResourceWatcher<V1Service>;
  readonly configMaps: ResourceWatcher<V1ConfigMap>;
  readonly serviceAccounts: ResourceWatcher<V1ServiceAccount>;
  readonly disruptionBudgets: ResourceWatcher<V1PodDisruptionBudget>;
  readonly #all: readonly ResourceWatcher<KubernetesObject>[];

  constructor(options: CachesOptions) {
    const watcher = <T extends KubernetesObject>(resource: ResourceKind, labelSelector?: string) =>
      new ResourceWatcher<T>({
        api: options.api,
        resource,
        namespace: options.namespace,
        ...(labelSelector === undefined ? {} : { labelSelector }),
        onChange: (object) => {
          const key = clusterKeyOf(object, resource);
          if (key !== undefined) options.onChange(key);
        },
        onTrouble: options.onTrouble,
        nowMs: () => performance.now(),
      });
    this.clusters = watcher(RESOURCES.dynamoClusters);
    this.statefulSets = watcher(RESOURCES.statefulSets, OURS);
    this.pods = watcher(RESOURCES.pods, OURS);
    this.claims = watcher(RESOURCES.claims, OURS);
    this.services = watcher(RESOURCES.services, OURS);
    this.configMaps = watcher(RESOURCES.configMaps, OURS);
    this.serviceAccounts = watcher(RESOURCES.serviceAccounts, OURS);
    this.disruptionBudgets = watcher(RESOURCES.disruptionBudgets, OURS);
    this.#all = [
      this.clusters,
      this.statefulSets,
      this.pods,
      this.claims,
      this.services,
      this.configMaps,
      this.serviceAccounts,
      this.disruptionBudgets,
    ];
  }

  /** Resolves once each copy is complete. */
  async start(): Promise<void> {
    for (const watcher of this.#all) watcher.start();
    await Promise.all(this.#all.map(({ synced }) => synced));
  }

  stop(): void {
    for (const watcher of this.#all) watcher.stop();
  }

  /** How old the oldest copy may be. */
  staleMs(): number {
    return Math.max(...this.#all.map((watcher) => watcher.staleMs()));
  }
}

/** Objects of one cluster among those of all. */
export function ofCluster<T extends KubernetesObject>(
  objects: readonly T[],
  { metadata }: DynamoCluster,
): T[] {
  return objects.filter(
    (object) =>
      object.metadata?.namespace === metadata.namespace &&
      object.metadata.labels?.[INSTANCE] === metadata.name,
  );
}

function clusterKeyOf({ metadata }: KubernetesObject, resource: ResourceKind): string | undefined {
  const name = resource === RESOURCES.dynamoClusters ? metadata?.name : metadata?.labels?.[INSTANCE];
  return name === undefined ? undefined : `${metadata?.namespace}/${name}`;
}
