import type { V1Pod } from "@kubernetes/client-node";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
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
    }
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
