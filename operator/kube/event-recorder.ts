import { randomBytes } from "node:crypto";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import type { KubeClient } from "./kube-client.ts";
import type { ClusterEvent } from "../status/cluster-events.ts";
import { RESOURCES } from "./resource-path.ts";

const REPEAT_AFTER_MS = 600_000;
const REMEMBERED_MAX = 1_000;
const NOTE_MAX = 1_000;

/**
 * Writes events about clusters. The same one is not told again within ten minutes; one that cannot be written is
 * dropped, with a line in the log.
 */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #instance: string;
  readonly #onTrouble: (message: string) => void;
  readonly #told = new Map<string, number>();

  constructor(client: KubeClient, instance: string, onTrouble: (message: string) => void) {
    this.#client = client;
    this.#instance = instance;
    this.#onTrouble = onTrouble;
  }

  record(cluster: DynamoCluster, event: ClusterEvent): void {
    const { namespace, name, uid } = cluster.metadata;
    const key = `${uid} ${event.reason} ${event.note}`;
    const nowMs = performance.now();
    if (nowMs - (this.#told.get(key) ?? -Infinity) < REPEAT_AFTER_MS) return;
    if (this.#told.size >= REMEMBERED_MAX) this.#told.clear();
    this.#told.set(key, nowMs);
    const object = {
      apiVersion: RESOURCES.events.apiVersion,
      kind: RESOURCES.events.kind,
      metadata: { namespace, name: `${name}.${randomBytes(8).toString("hex")}` },
      eventTime: new Date().toISOString().replace("Z", "000Z"),
      reportingController: "dynamokv.io/operator",
      reportingInstance: this.#instance,
      type: event.type,
      reason: event.reason,
      action: event.action,
      note: event.note.slice(0, NOTE_MAX),
      regarding: { apiVersion: cluster.apiVersion, kind: cluster.kind, namespace, name, uid },
    };
    void this.#client.create(object).catch((error: unknown) => {
      this.#onTrouble(`event ${event.reason} of ${namespace}/${name} was not written: ${String(error)}`);
    });
  }
}
