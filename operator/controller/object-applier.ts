import type { KubernetesObject } from "@kubernetes/client-node";
import type { DesiredObject } from "../desired/desired-objects.ts";
import { digestOf } from "../desired/digest.ts";
import type { ClusterCaches } from "../kube/cluster-caches.ts";
import { isNotFound } from "../kube/api-connection.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { resourceOf } from "../kube/resource-path.ts";
import type { ResourceWatcher } from "../kube/resource-watcher.ts";

/**
 * Applies what shall exist. Applying is harmless but not free: an object is applied again only when what is wanted or
 * what the API server has is not what it was after the last time, so that a cluster at rest costs no requests and
 * whatever somebody else changed is changed back.
 */
export class ObjectApplier {
  readonly #client: KubeClient;
  readonly #caches: ClusterCaches;
  readonly #applied = new Map<string, { readonly wanted: string; readonly live: string }>();

  constructor(client: KubeClient, caches: ClusterCaches) {
    this.#client = client;
    this.#caches = caches;
  }

  /** Throws where the object of this name is another cluster's. */
  async apply(object: DesiredObject): Promise<void> {
    const key = `${object.kind} ${object.metadata!.namespace}/${object.metadata!.name}`;
    const wanted = digestOf(object);
    const live = this.#live(object);
    const other = otherOwner(live ?? (await this.#unseen(object)), object);
    if (other !== undefined) {
      const taken = `${object.kind} ${object.metadata!.name} is that of DynamoCluster ${other}`;
      throw new Error(`${taken}: give this cluster another name, its objects are called after it`);
    }
    const before = this.#applied.get(key);
    if (live !== undefined && before?.wanted === wanted && before.live === substanceOf(live)) return;
    const result = await this.#client.apply(object);
    this.#applied.set(key, { wanted, live: substanceOf(result) });
  }

  /** Everything of a cluster that is gone. */
  forget(clusterKey: string): void {
    const namespace = clusterKey.slice(0, clusterKey.indexOf("/"));
    for (const key of this.#applied.keys()) if (key.includes(` ${namespace}/`)) this.#applied.delete(key);
  }

  /** The caches have what bears a cluster's labels, and may have yet to hear of it. */
  async #unseen(object: DesiredObject): Promise<KubernetesObject | undefined> {
    const { namespace, name } = object.metadata!;
    try {
      return await this.#client.get(resourceOf(object), { namespace: namespace!, name: name! });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #live(object: DesiredObject): KubernetesObject | undefined {
    const { namespace, name } = object.metadata!;
    return this.#cacheOf(object).get(namespace!, name!);
  }

  #cacheOf({ kind }: DesiredObject): ResourceWatcher<KubernetesObject> {
    switch (kind) {
      case "StatefulSet":
        return this.#caches.statefulSets;
      case "Service":
        return this.#caches.services;
      case "ConfigMap":
        return this.#caches.configMaps;
      case "ServiceAccount":
        return this.#caches.serviceAccounts;
      case "PodDisruptionBudget":
        return this.#caches.disruptionBudgets;
      case undefined:
        break;
    }
    throw new TypeError("a desired object has no kind");
  }
}

/** The cluster that the live object belongs to, where it is not the one that wants it; one of the same name was made anew. */
function otherOwner(live: KubernetesObject | undefined, wanted: KubernetesObject): string | undefined {
  const [own] = wanted.metadata?.ownerReferences ?? [];
  const owners = live?.metadata?.ownerReferences ?? [];
  return owners.find(({ kind, name }) => kind === own?.kind && name !== own.name)?.name;
}

/** All of an object that somebody may want otherwise: not its status, not its bookkeeping. */
function substanceOf(object: KubernetesObject): string {
  const { metadata, status: _status, ...rest } = object as KubernetesObject & { status?: unknown };
  const { labels, annotations, ownerReferences } = metadata ?? {};
  return digestOf({ ...rest, labels, annotations, ownerReferences });
}
