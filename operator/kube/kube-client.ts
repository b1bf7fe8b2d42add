import type { KubernetesObject } from "@kubernetes/client-node";
import type { ApiConnection } from "./api-connection.ts";
import {
  collectionPath,
  objectPath,
  type ObjectName,
  resourceOf,
  RESOURCES,
  type ResourceKind,
} from "./resource-path.ts";

/**
 * What the operator does to the API server. Objects are applied by the server (each field has an owner, and what users
 * and other controllers own stays theirs); whatever destroys something names the very object that was looked at.
 */
export const FIELD_MANAGER = "dynamokv-operator";
/** Status has a manager of its own, so that applying one never takes fields from the other. */
const STATUS_MANAGER = "dynamokv-operator-status";
const APPLY = "application/apply-patch+yaml";

/** The object must still be this one, at this version where given. */
export interface Preconditions {
  readonly uid: string;
  readonly resourceVersion?: string;
}

export class KubeClient {
  readonly #api: ApiConnection;

  constructor(api: ApiConnection) {
    this.#api = api;
  }

  get<T extends KubernetesObject>(resource: ResourceKind, name: ObjectName): Promise<T> {
    return this.#api.json<T>({ method: "GET", path: objectPath(resource, name) });
  }

  /** Those of all namespaces, or of none, that have the label. */
  async labelled<T extends KubernetesObject>(resource: ResourceKind, label: string): Promise<readonly T[]> {
    const path = `${collectionPath(resource, "")}?labelSelector=${encodeURIComponent(label)}`;
    return (await this.#api.json<{ items: readonly T[] }>({ method: "GET", path })).items;
  }

  create<T extends KubernetesObject>(object: T): Promise<T> {
    const path = collectionPath(resourceOf(object), object.metadata?.namespace ?? "");
    return this.#api.json<T>({ method: "POST", path: `${path}?fieldManager=${FIELD_MANAGER}`, body: object });
  }

  /** Creates or changes it, so that every field it names is as it says. */
  apply<T extends KubernetesObject>(object: T): Promise<T> {
    const path = `${objectPath(resourceOf(object), nameOf(object))}?fieldManager=${FIELD_MANAGER}&force=true`;
    return this.#api.json<T>({ method: "PATCH", path, body: object, contentType: APPLY });
  }

  /** The same for its status alone. */
  applyStatus<T extends KubernetesObject>(object: T): Promise<T> {
    const path = `${objectPath(resourceOf(object), nameOf(object))}/status?fieldManager=${STATUS_MANAGER}&force=true`;
    return this.#api.json<T>({ method: "PATCH", path, body: object, contentType: APPLY });
  }

  /** Replaces the whole object; rejects with Conflict where it has changed since it was read. */
  replace<T extends KubernetesObject>(resource: ResourceKind, name: ObjectName, object: T): Promise<T> {
    const path = `${objectPath(resource, name)}?fieldManager=${FIELD_MANAGER}`;
    return this.#api.json<T>({ method: "PUT", path, body: object });
  }

  /** Changes only the fields in `patch`; RFC 7396. */
  mergePatch<T extends KubernetesObject>(
    resource: ResourceKind,
    name: ObjectName,
    patch: unknown,
  ): Promise<T> {
    const path = `${objectPath(resource, name)}?fieldManager=${FIELD_MANAGER}`;
    return this.#api.json<T>({
      method: "PATCH",
      path,
      body: patch,
      contentType: "application/merge-patch+json",
    });
  }

  async delete(
    resource: ResourceKind,
    name: ObjectName,
    {
      preconditions,
      orphan = false,
      graceSeconds,
    }: { preconditions: Preconditions; orphan?: boolean; graceSeconds?: number },
  ): Promise<void> {
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions,
      propagationPolicy: orphan ? "Orphan" : "Background",
      ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
    };
    await this.#api.json({ method: "DELETE", path: objectPath(resource, name), body });
  }

  /** Deletes a pod if its disruption budget allows; rejects with status 429 where it does not. */
  async evict(name: ObjectName, preconditions: Preconditions): Promise<void> {
    const body = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { ...name },
      deleteOptions: { preconditions },
    };
    await this.#api.json({ method: "POST", path: `${objectPath(RESOURCES.pods, name)}/eviction`, body });
  }
}

function nameOf({ metadata }: KubernetesObject): ObjectName {
  return { namespace: metadata?.namespace ?? "", name: metadata?.name ?? "" };
}
