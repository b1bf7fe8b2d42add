import type { V1Pod } from "@kubernetes/client-node";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { LEFT_CLAIM } from "../api/v1alpha1/annotations.ts";
import { ApiError } from "../kube/api-connection.ts";
import type { EventRecorder } from "../kube/event-recorder.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import type { NodeInquiry } from "../kube/node-inquiry.ts";
import { RESOURCES } from "../kube/resource-path.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import type { Step } from "../plan/step.ts";
import { clusterKey } from "./cluster-key.ts";

/** Does what the plan says, and tells the cluster's events of it. Rejects where it could not: the next pass plans anew. */
export class StepTaker {
  readonly #client: KubeClient;
  readonly #nodes: NodeInquiry;
  readonly #events: EventRecorder;

  constructor(client: KubeClient, nodes: NodeInquiry, events: EventRecorder) {
    this.#client = client;
    this.#nodes = nodes;
    this.#events = events;
  }

  async take(step: Step, observed: ObservedState, token: string | undefined): Promise<void> {
    const { cluster } = observed;
    switch (step.kind) {
      case "none":
      case "wait":
        return;
      case "form_ring":
        return this.#formRing(step, observed, token);
      case "adopt_identity":
        return this.#adoptIdentity(step, observed, token);
      case "restart_pod":
        return this.#restartPod(step, cluster);
      case "grow_claim": {
        const patch = { spec: { resources: { requests: { storage: step.size } } } };
        await this.#client.mergePatch(RESOURCES.claims, nameIn(cluster, step.claim), patch);
        const note = `asked for ${step.size} for ${step.claim}`;
        this.#events.record(cluster, { type: "Normal", reason: "VolumeResizing", action: "Grow", note });
        return;
      }
      case "replace_stateful_set":
        return this.#client.delete(RESOURCES.statefulSets, nameIn(cluster, step.name), {
          preconditions: { uid: step.uid },
          orphan: true,
        });
      case "begin_change":
        return this.#beginChange(step, observed, token);
      case "cancel_change":
        return this.#cancelChange(step, observed, token);
      case "mark_claim": {
        // A claim that was made anew meanwhile has another uid: the API server refuses.
        const patch = { metadata: { uid: step.uid, annotations: { [LEFT_CLAIM]: step.node } } };
        await this.#client.mergePatch(RESOURCES.claims, nameIn(cluster, step.claim), patch);
        return;
      }
      case "scale_stateful_set":
        return this.#scale(step, cluster);
      case "replace_volume":
        return this.#replaceVolume(step, cluster);
      case "delete_claim":
        return this.#deleteClaim(step, cluster);
    }
  }

  async #beginChange(
    { type, changeId, via, epoch, joining, leaving, pods: names }: Extract<Step, { kind: "begin_change" }>,
    { cluster, pods }: ObservedState,
    token: string | undefined,
  ): Promise<void> {
    const request = { type, changeId, epoch, joining, leaving };
    await this.#nodes.at(clusterKey(cluster), podOf(pods, via), token).beginRingChange(request);
    const note = `${names.join(", ")} ${type === "join" ? "join" : "leave"} the ring: ${changeId}`;
    this.#events.record(cluster, { type: "Normal", reason: "SizeChangeStarted", action: "Resize", note });
  }

  async #cancelChange(
    { changeId, via, why }: Extract<Step, { kind: "cancel_change" }>,
    { cluster, pods }: ObservedState,
    token: string | undefined,
  ): Promise<void> {
    await this.#nodes.at(clusterKey(cluster), podOf(pods, via), token).cancelRingChange(changeId);
    const note = `${changeId} is taken back: ${why}`;
    this.#events.record(cluster, { type: "Normal", reason: "SizeChangeCancelled", action: "Resize", note });
  }

  /** Fewer pods are data that goes out of reach: only if the API server has what the plan was made from. */
  async #scale(
    { name, uid, resourceVersion, from, to }: Extract<Step, { kind: "scale_stateful_set" }>,
    cluster: DynamoCluster,
  ): Promise<void> {
    const patch = { metadata: { uid, resourceVersion }, spec: { replicas: to } };
    await this.#client.mergePatch(RESOURCES.statefulSets, nameIn(cluster, name), patch);
    const note = `StatefulSet ${name} has ${to} pods now, not ${from}`;
    this.#events.record(cluster, { type: "Normal", reason: "PodsScaled", action: "Resize", note });
  }

  /** The claim first, which stays until its pod is gone; the pod by force, since its host will never say that it ended. */
  async #replaceVolume(
    { pod, podUid, claim, claimUid, why }: Extract<Step, { kind: "replace_volume" }>,
    cluster: DynamoCluster,
  ): Promise<void> {
    await this.#client.delete(RESOURCES.claims, nameIn(cluster, claim), { preconditions: { uid: claimUid } });
    if (podUid !== undefined) {
      const preconditions = { uid: podUid };
      await this.#client.delete(RESOURCES.pods, nameIn(cluster, pod), { preconditions, graceSeconds: 0 });
    }
    const note = `${pod} gets a fresh volume: ${why}`;
    this.#events.record(cluster, { type: "Warning", reason: "VolumeReplaced", action: "Replace", note });
  }

  async #deleteClaim(
    { claim, uid, resourceVersion, why }: Extract<Step, { kind: "delete_claim" }>,
    cluster: DynamoCluster,
  ): Promise<void> {
    const preconditions = { uid, resourceVersion };
    await this.#client.delete(RESOURCES.claims, nameIn(cluster, claim), { preconditions });
    const note = `${claim}: ${why} (storage.whenScaled: Delete)`;
    this.#events.record(cluster, { type: "Normal", reason: "VolumeDeleted", action: "Resize", note });
  }

  async #formRing(
    { via, members, clusterId }: Extract<Step, { kind: "form_ring" }>,
    { cluster, pods }: ObservedState,
    token: string | undefined,
  ): Promise<void> {
    const { replication, partitions } = cluster.spec;
    const request = { clusterId, members, partitions, replicas: replication.factor };
    const formed = await this.#nodes.at(clusterKey(cluster), podOf(pods, via), token).formRing(request);
    const note = `the ring ${formed.clusterId} of ${members.length} nodes is formed`;
    this.#events.record(cluster, { type: "Normal", reason: "RingFormed", action: "Form", note });
  }

  async #adoptIdentity(
    { pod, id }: Extract<Step, { kind: "adopt_identity" }>,
    { cluster, pods }: ObservedState,
    token: string | undefined,
  ): Promise<void> {
    await this.#nodes.at(clusterKey(cluster), podOf(pods, pod), token).adoptIdentity(id);
    const note = `${pod} came back with an empty volume; it takes its place again as ${id} and is filled by its co-owners`;
    this.#events.record(cluster, { type: "Warning", reason: "NodeReturned", action: "Adopt", note });
  }

  async #restartPod(
    { pod, uid, resourceVersion, how, why }: Extract<Step, { kind: "restart_pod" }>,
    cluster: DynamoCluster,
  ): Promise<void> {
    const name = nameIn(cluster, pod);
    const preconditions = { uid, resourceVersion };
    if (how === "delete") await this.#client.delete(RESOURCES.pods, name, { preconditions });
    else {
      try {
        await this.#client.evict(name, preconditions);
      } catch (error) {
        // The budget is used up by somebody else's drain: wait for it.
        if (error instanceof ApiError && error.status === 429) return;
        throw error;
      }
    }
    const note = `${pod} is replaced: ${why}`;
    this.#events.record(cluster, { type: "Normal", reason: "NodeRestarted", action: "Restart", note });
  }
}

function nameIn({ metadata }: DynamoCluster, name: string) {
  return { namespace: metadata.namespace, name };
}

function podOf(pods: readonly V1Pod[], name: string): V1Pod {
  const pod = pods.find(({ metadata }) => metadata?.name === name);
  if (pod === undefined) throw new TypeError(`pod ${name} was planned with and is not there`);
  return pod;
}
