import { StringDecoder } from "node:string_decoder";
import type { KubernetesObject } from "@kubernetes/client-node";
import { type ApiConnection, ApiError } from "./api-connection.ts";
import { collectionPath, type ResourceKind } from "./resource-path.ts";

/**
 * A copy of all objects of one kind, kept in step with the API server: list once, then watch from there, for ever.
 * Whatever goes wrong (a refused request, a cut stream, a version that is too old, a handler that throws) ends in
 * another attempt; a watch that has been silent for too long is opened again. The library's informer stays dead after
 * a single 5xx, which an operator notices hours later.
 */
export interface WatcherOptions {
  readonly api: ApiConnection;
  readonly resource: ResourceKind;
  /** Empty for all namespaces. */
  readonly namespace: string;
  readonly labelSelector?: string;
  /** Something about this object changed, or it is gone. */
  readonly onChange: (object: KubernetesObject) => void;
  readonly onTrouble: (message: string) => void;
  readonly nowMs: () => number;
}

const PAGE = 500;
/** The API server ends a watch after this; without word of it for much longer the stream is dead. */
const WATCH_SECONDS = 290;
const SILENCE_MS_MAX = (WATCH_SECONDS + 30) * 1_000;
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 30_000;

interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubernetesObject & { readonly code?: number; readonly message?: string };
}

export class ResourceWatcher<T extends KubernetesObject> {
  readonly #options: WatcherOptions;
  readonly #objects = new Map<string, T>();
  #version: string | undefined;
  #stopped = false;
  #abort: (() => void) | undefined;
  #heardMs: number;
  #synced: (() => void) | undefined;
  /** Resolves after the first complete list. */
  readonly synced: Promise<void>;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#heardMs = options.nowMs();
    this.synced = new Promise((resolve) => (this.#synced = resolve));
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#abort?.();
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  /** Milliseconds since the API server was heard of last: how old this copy may be. */
  staleMs(): number {
    return this.#options.nowMs() - this.#heardMs;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopped) {
      try {
        if (this.#version === undefined) await this.#listAll();
        await this.#watch();
        failures = 0;
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof ApiError && error.status === 410) {
          this.#version = undefined;
          continue;
        }
        failures += 1;
        this.#options.onTrouble(error instanceof Error ? error.message : String(error));
        await this.#pause(failures);
      }
    }
  }

  async #listAll(): Promise<void> {
    const found = new Map<string, T>();
    let continued = "";
    do {
      const answer = await this.#options.api.json<{
        metadata: { resourceVersion: string; continue?: string };
        items: T[];
      }>({
        method: "GET",
        path: this.#path({ limit: String(PAGE), ...(continued === "" ? {} : { continue: continued }) }),
      });
      for (const item of answer.items) found.set(keyOf(item), { ...item, ...this.#kind() });
      continued = answer.metadata.continue ?? "";
      if (continued === "") this.#version = answer.metadata.resourceVersion;
    } while (continued !== "");
    this.#heard();
    const before = new Map(this.#objects);
    this.#objects.clear();
    for (const [key, object] of found) this.#objects.set(key, object);
    for (const [key, object] of found) {
      if (before.get(key)?.metadata?.resourceVersion !== object.metadata?.resourceVersion)
        this.#changed(object);
    }
    for (const [key, object] of before) if (!found.has(key)) this.#changed(object);
    this.#synced?.();
  }

  /** Returns when the API server ends the watch in peace; throws where it was cut or refused. */
  async #watch(): Promise<void> {
    const query = {
      watch: "true",
      allowWatchBookmarks: "true",
      timeoutSeconds: String(WATCH_SECONDS),
      resourceVersion: this.#version!,
    };
    const stream = await this.#options.api.open({ method: "GET", path: this.#path(query) });
    this.#heard();
    this.#abort = () => stream.destroy();
    const watchdog = setInterval(() => {
      if (this.staleMs() > SILENCE_MS_MAX) stream.destroy(new Error("the watch went silent"));
    }, 10_000);
    try {
      for await (const line of linesOf(stream)) this.#take(JSON.parse(line) as WatchEvent);
    } finally {
      clearInterval(watchdog);
      this.#abort = undefined;
      stream.destroy();
    }
  }

  #take({ type, object }: WatchEvent): void {
    this.#heard();
    if (type === "ERROR") {
      const status = object.code ?? 500;
      throw new ApiError(`watch of ${this.#options.resource.plural}: ${object.message ?? "ended"}`, {
        status,
        reason: "Watch",
      });
    }
    this.#version = object.metadata?.resourceVersion ?? this.#version;
    if (type === "BOOKMARK") return;
    if (type === "DELETED") this.#objects.delete(keyOf(object));
    else this.#objects.set(keyOf(object), object as T);
    this.#changed(object);
  }

  #changed(object: KubernetesObject): void {
    try {
      this.#options.onChange(object);
    } catch (error) {
      this.#options.onTrouble(`a handler of ${this.#options.resource.plural} failed: ${String(error)}`);
    }
  }

  #heard(): void {
    this.#heardMs = this.#options.nowMs();
  }

  /** Items of a list do not carry their own kind. */
  #kind() {
    const { apiVersion, kind } = this.#options.resource;
    return { apiVersion, kind };
  }

  #path(query: Readonly<Record<string, string>>): string {
    const { resource, namespace, labelSelector } = this.#options;
    const all = new URLSearchParams({ ...query, ...(labelSelector === undefined ? {} : { labelSelector }) });
    return `${collectionPath(resource, namespace)}?${all.toString()}`;
  }

  #pause(failures: number): Promise<void> {
    const ceilingMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(failures - 1, 10));
    const delayMs = ceilingMs * (0.5 + Math.random() / 2);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#abort = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Ends with the stream and throws where that is cut or destroyed, which Node's readline does not notice. */
async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield line;
  }
}

function keyOf({ metadata }: KubernetesObject): string {
  return `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
}
