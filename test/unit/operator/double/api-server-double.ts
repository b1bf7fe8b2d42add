import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { RESOURCES } from "../../../../operator/kube/resource-path.ts";
import { type Change, ObjectStore, Refused, type StoredObject } from "./object-store.ts";

/**
 * An API server in this process, over real HTTP: lists, watches, server-side apply, preconditions. Tests reach into
 * its objects, and break it: `beforeWrite` may throw after the write was done (an answer that is lost) or before.
 */
export class ApiServerDouble {
  readonly objects = new ObjectStore();
  readonly requests: string[] = [];
  /** Called for each write with its number; what it throws is what the caller gets. */
  afterWrite: (count: number, what: string) => void = () => undefined;
  /** Called for each list, read and watch; what it throws is what the caller gets. */
  beforeRead: (isWatch: boolean) => void = () => undefined;
  /** Watches hear of nothing while it is true. */
  watchesHeld = false;
  /** Requests are taken and never answered while it is true. */
  hangs = false;
  writes = 0;
  readonly #server: Server;
  readonly #watches = new Set<{ readonly kind: string; readonly response: ServerResponse }>();
  readonly #held: Change[] = [];

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.objects.onChange((change) => {
      if (this.watchesHeld) this.#held.push(change);
      else this.#tell(change);
    });
  }

  async start(): Promise<KubeConfig> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromOptions({
      clusters: [{ name: "double", server: `http://127.0.0.1:${port}`, skipTLSVerify: true }],
      users: [{ name: "operator" }],
      contexts: [{ name: "double", cluster: "double", user: "operator" }],
      currentContext: "double",
    });
    return config;
  }

  releaseWatches(): void {
    this.watchesHeld = false;
    for (const change of this.#held.splice(0)) this.#tell(change);
  }

  /** Cuts every watch, as a restarting API server does. */
  cutWatches(): void {
    for (const { response } of this.#watches) response.destroy();
    this.#watches.clear();
  }

  async stop(): Promise<void> {
    this.cutWatches();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close").catch(() => undefined);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://double");
    this.requests.push(`${request.method} ${url.pathname}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body =
      chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
    if (this.hangs) return;
    try {
      const place = placeOf(url.pathname);
      if (request.method === "GET") this.beforeRead(url.searchParams.get("watch") === "true");
      if (request.method === "GET" && url.searchParams.get("watch") === "true") {
        this.#watch(place.kind, Number(url.searchParams.get("resourceVersion")), response);
        return;
      }
      const answer = request.method === "GET" ? this.#read(place) : this.#write(request, url, place, body);
      send(response, 200, answer);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { status: code, reason, message } = error;
      send(response, code, { kind: "Status", status: "Failure", code, reason, message });
    }
  }

  #read({ kind, namespace, name }: Place): unknown {
    if (name !== "") return this.objects.get(kind, namespace, name);
    return { metadata: { resourceVersion: String(this.objects.version) }, items: this.objects.list(kind) };
  }

  #write(request: IncomingMessage, url: URL, place: Place, body: Record<string, unknown>): unknown {
    const done = this.#change(request, url, place, body);
    this.writes += 1;
    this.afterWrite(this.writes, `${request.method} ${url.pathname}`);
    return done;
  }

  #change(request: IncomingMessage, url: URL, place: Place, body: Record<string, unknown>): unknown {
    const { kind, namespace, name, subresource } = place;
    switch (request.method ?? "") {
      case "POST":
        if (subresource === "eviction") {
          const { deleteOptions } = body as { deleteOptions: { preconditions: { uid: string } } };
          return this.objects.delete("Pod", namespace, name, deleteOptions.preconditions);
        }
        return this.objects.create(body);
      case "PUT":
        return this.objects.replace(body);
      case "PATCH":
        if (request.headers["content-type"] === "application/merge-patch+json")
          return this.objects.mergePatch(kind, namespace, name, body);
        return this.objects.apply(
          body,
          url.searchParams.get("fieldManager") ?? "",
          subresource === "status" ? "status" : "",
        );
      default:
        return this.objects.delete(kind, namespace, name, body["preconditions"] as { uid?: string });
    }
  }

  #watch(kind: string, since: number, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const watch = { kind, response };
    this.#watches.add(watch);
    response.once("close", () => this.#watches.delete(watch));
    for (const change of this.objects.changes) if (change.version > since) writeChange(watch, change);
  }

  #tell(change: Change): void {
    for (const watch of this.#watches) writeChange(watch, change);
  }
}

interface Place {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

function placeOf(path: string): Place {
  const match =
    /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    );
  const resource = Object.values(RESOURCES).find(({ plural }) => plural === match?.[2]);
  if (match === null || resource === undefined) throw new Refused(404, "NotFound", `no such path: ${path}`);
  return {
    kind: resource.kind,
    namespace: match[1] ?? "",
    name: match[3] ?? "",
    subresource: match[4] ?? "",
  };
}

function writeChange(
  { kind, response }: { kind: string; response: ServerResponse },
  { type, object }: Change,
): void {
  if (object.kind === kind) response.write(`${JSON.stringify({ type, object })}\n`);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

export type { StoredObject };
