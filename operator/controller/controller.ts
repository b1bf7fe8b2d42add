import { type ApiConnection } from "../kube/api-connection.ts";
import { ClusterCaches } from "../kube/cluster-caches.ts";
import { EventRecorder } from "../kube/event-recorder.ts";
import { type KubeClient } from "../kube/kube-client.ts";
import { NodeInquiry } from "../kube/node-inquiry.ts";
import { clusterKey } from "./cluster-key.ts";
import { Reconciler } from "./reconciler.ts";
import { WorkQueue } from "./work-queue.ts";

/**
 * What runs while this operator leads: copies of the API server's objects, a queue of clusters with something to do,
 * and every cluster once in five minutes whatever happened, so that a change that was missed is not missed for long.
 */
export interface ControllerOptions {
  readonly api: ApiConnection;
  readonly client: KubeClient;
  readonly watchNamespace: string;
  readonly identity: string;
  readonly image: string;
  readonly log: (event: string, fields: Record<string, unknown>, level: "info" | "warn" | "error") => void;
}

const WORKERS = 4;
const RESYNC_MS = 300_000;

export class Controller {
  readonly #caches: ClusterCaches;
  readonly #queue: WorkQueue;
  readonly #nodes = new NodeInquiry();
  #resync: NodeJS.Timeout | undefined;
  #complete = false;

  constructor({ api, client, watchNamespace, identity, image, log }: ControllerOptions) {
    this.#caches = new ClusterCaches({
      api,
      namespace: watchNamespace,
      // Nothing is judged by half a picture: a pod that is not listed yet must not count as missing.
      onChange: (key) => {
        if (this.#complete) this.#queue.add(key);
      },
      onTrouble: (message) => log("watch_failed", { message }, "warn"),
    });
    const events = new EventRecorder(client, identity, (message) =>
      log("event_dropped", { message }, "warn"),
    );
    const reconciler = new Reconciler({
      client,
      caches: this.#caches,
      nodes: this.#nodes,
      events,
      operator: { image },
      log,
    });
    this.#queue = new WorkQueue({
      workers: WORKERS,
      work: (key) => reconciler.reconcile(key),
      onFailure: (cluster, error, retryMs) => log("reconcile_failed", { cluster, error, retryMs }, "warn"),
    });
  }

  async start(): Promise<void> {
    await this.#caches.start();
    this.#complete = true;
    this.#addAll();
    this.#resync = setInterval(() => this.#addAll(), RESYNC_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#resync);
    this.#caches.stop();
    await this.#queue.stop();
    this.#nodes.close();
  }

  /** Milliseconds since the API server was heard of last by the quietest watch. */
  staleMs(): number {
    return this.#caches.staleMs();
  }

  get queueDepth(): number {
    return this.#queue.depth;
  }

  get clusters(): number {
    return this.#caches.clusters.list().length;
  }

  #addAll(): void {
    for (const cluster of this.#caches.clusters.list()) this.#queue.add(clusterKey(cluster));
  }
}
