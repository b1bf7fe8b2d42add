/**
 * The objects of an API server in memory, with what an operator can get wrong about them: every change has a number,
 * a write may name the version it was made from, each field has an owner, and deleting may name the very object.
 */
export interface StoredObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { uid: string; kind: string; name: string }[];
    [field: string]: unknown;
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [field: string]: unknown;
}

export interface Change {
  readonly version: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: StoredObject;
}

export class Refused extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

type Fields = Record<string, unknown>;

export class ObjectStore {
  readonly changes: Change[] = [];
  readonly #objects = new Map<string, StoredObject>();
  /** What each manager applied last, by object. */
  readonly #applied = new Map<string, Fields>();
  #version = 1;
  #uids = 0;
  #listeners: ((change: Change) => void)[] = [];

  get version(): number {
    return this.#version;
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.push(listener);
    return () => (this.#listeners = this.#listeners.filter((each) => each !== listener));
  }

  list(kind: string): StoredObject[] {
    return [...this.#objects.values()].filter((object) => object.kind === kind);
  }

  find(kind: string, namespace: string, name: string): StoredObject | undefined {
    return this.#objects.get(`${kind} ${namespace}/${name}`);
  }

  get(kind: string, namespace: string, name: string): StoredObject {
    const found = this.find(kind, namespace, name);
    if (found === undefined) throw new Refused(404, "NotFound", `${kind} "${name}" not found`);
    return found;
  }

  create(object: Fields): StoredObject {
    const { kind, metadata } = object as unknown as StoredObject;
    const { namespace, name } = metadata;
    if (this.find(kind, namespace, name) !== undefined)
      throw new Refused(409, "AlreadyExists", `${kind} "${name}" already exists`);
    const created = structuredClone(object) as unknown as StoredObject;
    created.metadata.uid = `uid-${(this.#uids += 1)}`;
    created.metadata.generation = 1;
    if (kind === "Secret") foldStringData(created);
    return this.#put(created, "ADDED");
  }

  replace(object: Fields): StoredObject {
    const given = object as unknown as StoredObject;
    const live = this.get(given.kind, given.metadata.namespace, given.metadata.name);
    if (given.metadata.resourceVersion !== live.metadata.resourceVersion)
      throw new Refused(409, "Conflict", "the object has been modified");
    return this.#change(live, structuredClone(given));
  }

  apply(object: Fields, manager: string, subresource: "" | "status"): StoredObject {
    const { kind, metadata } = object as unknown as StoredObject;
    const key = `${manager} ${subresource} ${kind} ${metadata.namespace}/${metadata.name}`;
    const live = this.find(kind, metadata.namespace, metadata.name);
    if (live === undefined) {
      if (subresource !== "") throw new Refused(404, "NotFound", `${kind} "${metadata.name}" not found`);
      this.#applied.set(key, structuredClone(object));
      return this.create(object);
    }
    const next = structuredClone(live);
    removeDropped(next, this.#applied.get(key) ?? {}, object);
    mergeInto(next, subresource === "" ? object : { status: object["status"] });
    this.#applied.set(key, structuredClone(object));
    return this.#change(live, next);
  }

  mergePatch(kind: string, namespace: string, name: string, patch: Fields): StoredObject {
    const live = this.get(kind, namespace, name);
    const { uid, resourceVersion } = (patch["metadata"] ?? {}) as { uid?: string; resourceVersion?: string };
    if (
      (uid ?? live.metadata.uid) !== live.metadata.uid ||
      (resourceVersion ?? live.metadata.resourceVersion) !== live.metadata.resourceVersion
    )
      throw new Refused(409, "Conflict", `the ${kind} is not the one that was looked at`);
    const next = structuredClone(live);
    mergeInto(next, patch);
    return this.#change(live, next);
  }

  delete(
    kind: string,
    namespace: string,
    name: string,
    preconditions: { uid?: string; resourceVersion?: string } = {},
  ): StoredObject {
    const live = this.get(kind, namespace, name);
    const { uid, resourceVersion } = live.metadata;
    if (
      (preconditions.uid ?? uid) !== uid ||
      (preconditions.resourceVersion ?? resourceVersion) !== resourceVersion
    )
      throw new Refused(409, "Conflict", `the ${kind} is not the one that was looked at`);
    this.#objects.delete(`${kind} ${namespace}/${name}`);
    this.#tell("DELETED", live);
    return live;
  }

  #change(live: StoredObject, next: StoredObject): StoredObject {
    next.metadata.uid = live.metadata.uid;
    next.metadata.resourceVersion = live.metadata.resourceVersion;
    if (same(live, next)) return live;
    if (!same(live.spec, next.spec)) next.metadata.generation = live.metadata.generation + 1;
    return this.#put(next, "MODIFIED");
  }

  #put(object: StoredObject, type: "ADDED" | "MODIFIED"): StoredObject {
    const { namespace, name } = object.metadata;
    this.#objects.set(`${object.kind} ${namespace}/${name}`, object);
    this.#tell(type, object);
    return object;
  }

  #tell(type: Change["type"], object: StoredObject): void {
    this.#version += 1;
    object.metadata.resourceVersion = String(this.#version);
    const change = { version: this.#version, type, object: structuredClone(object) };
    this.changes.push(change);
    for (const listener of this.#listeners) listener(change);
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Lists are replaced whole; null removes a field. */
function mergeInto(target: Fields, patch: Fields): void {
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete target[name];
    else if (isFields(value) && isFields(target[name])) mergeInto(target[name], value);
    else if (value !== undefined) target[name] = structuredClone(value);
  }
}

/** Fields that a manager applied before and leaves out now are gone. */
function removeDropped(target: Fields, before: Fields, now: Fields): void {
  for (const [name, value] of Object.entries(before)) {
    if (now[name] === undefined) delete target[name];
    else if (isFields(value) && isFields(now[name]) && isFields(target[name]))
      removeDropped(target[name], value, now[name]);
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function foldStringData(secret: StoredObject): void {
  const data: Fields = { ...(secret["data"] as Fields | undefined) };
  for (const [name, text] of Object.entries((secret["stringData"] as Fields | undefined) ?? {}))
    data[name] = Buffer.from(String(text)).toString("base64");
  secret["data"] = data;
  delete secret["stringData"];
}
