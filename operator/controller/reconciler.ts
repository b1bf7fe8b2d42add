import type { KubernetesObject, V1PersistentVolumeClaim } from "@kubernetes/client-node";
import type { DynamoCluster, DynamoClusterStatus } from "../api/v1alpha1/dynamo-cluster.ts";
import { desiredObjects, type OperatorImage } from "../desired/desired-objects.ts";
import { digestOf } from "../desired/digest.ts";
import { ownerOf } from "../desired/owner.ts";
import { templateFor } from "../desired/stateful-set.ts";
import { zoneShares } from "../desired/zone-plan.ts";
import { isConflict } from "../kube/api-connection.ts";
import { type ClusterCaches, ofCluster } from "../kube/cluster-caches.ts";
import type { EventRecorder } from "../kube/event-recorder.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import type { NodeInquiry } from "../kube/node-inquiry.ts";
import { isOfCluster } from "../plan/volumes.ts";
import { isPassing } from "../kube/passing-refusal.ts";
import { RESOURCES } from "../kube/resource-path.ts";
import { nodeViews } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { existingPods } from "../plan/existing-pods.ts";
import { isPaused, nextStep } from "../plan/next-step.ts";
import { leaveToPreview } from "../plan/size.ts";
import type { Step } from "../plan/step.ts";
import { clusterStatus } from "../status/cluster-status.ts";
import { eventsOf } from "../status/cluster-events.ts";
import { factsOf } from "../status/facts.ts";
import { clusterKey } from "./cluster-key.ts";
import { ClusterSecrets } from "./cluster-secrets.ts";
import { DisruptionBudgets } from "./disruption-budgets.ts";
import { LostVolumes } from "./lost-volumes.ts";
import { ObjectApplier } from "./object-applier.ts";
import { failureOf } from "./reconcile-failure.ts";
import { StepTaker } from "./step-taker.ts";
import type { WorkResult } from "./work-queue.ts";

/**
 * One pass over one cluster: apply what shall exist, look at everything, take the one next step, report. A pass may be
 * cut short anywhere and may see objects that are a little old: every write is either harmless to repeat or names the
 * very object that was looked at.
 */
export interface ReconcilerParts {
  readonly client: KubeClient;
  readonly caches: ClusterCaches;
  readonly nodes: NodeInquiry;
  readonly events: EventRecorder;
  readonly operator: OperatorImage;
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>, level: "info" | "warn") => void;
}

/** How soon after a step its outcome is looked at, and how often a cluster at rest is looked at. */
const AFTER_STEP_MS = 500;
const AT_REST_MS = 30_000;

export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #applier: ObjectApplier;
  readonly #budgets: DisruptionBudgets;
  readonly #steps: StepTaker;
  readonly #secrets: ClusterSecrets;
  readonly #lostVolumes: LostVolumes;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#applier = new ObjectApplier(parts.client, parts.caches);
    this.#budgets = new DisruptionBudgets(parts.client, parts.caches, this.#applier);
    this.#lostVolumes = new LostVolumes(parts.client);
    this.#steps = new StepTaker(parts.client, parts.nodes, parts.events);
    this.#secrets = new ClusterSecrets(parts.client, {
      onRestored: (cluster) => {
        const note = "the cluster's Secret was gone; it is back with the key that the nodes run with";
        parts.events.record(cluster, { type: "Warning", reason: "SecretRestored", action: "Restore", note });
      },
      nowMs: () => performance.now(),
    });
  }

  /** `key`: "namespace/name". */
  async reconcile(key: string): Promise<WorkResult> {
    const [namespace = "", name = ""] = key.split("/");
    const cluster = this.#parts.caches.clusters.get(namespace, name);
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) {
      this.#secrets.forget(key);
      this.#applier.forget(key);
      this.#parts.nodes.forget(key);
      return { againAfterMs: undefined };
    }
    const observedBefore = this.#observed(cluster, []);
    let failure: Error | undefined;
    let token: string | undefined;
    try {
      token = await this.#secrets.token(observedBefore);
      if (!isPaused(observedBefore)) await this.#applyAll(observedBefore);
    } catch (error) {
      failure = asError(error);
    }
    const reports = await this.#parts.nodes.reports(key, observedBefore.pods, token);
    const seen = this.#observed(cluster, reports);
    const lostClaims = await this.#lostVolumes.of(seen);
    const observed = await this.#withPreview({ ...seen, lostClaims }, token);
    let step = nextStep(observed);
    if (failure === undefined) failure = await this.#take(step, observed, token);
    if (failure !== undefined && isPassing(failure)) {
      step = { kind: "wait", reason: "ForNodes", message: failure.message, afterMs: 1_000 };
      failure = undefined;
    }
    await this.#report(observed, step, failure);
    if (failure !== undefined && !isConflict(failure)) throw failure;
    return { againAfterMs: failure === undefined ? againAfterMs(step) : AFTER_STEP_MS };
  }

  async #take(step: Step, observed: ObservedState, token: string | undefined): Promise<Error | undefined> {
    if (step.kind !== "none" && step.kind !== "wait") {
      this.#parts.log(
        "step_taken",
        { cluster: clusterKey(observed.cluster), ...step, step: step.kind },
        "info",
      );
    }
    try {
      if (!isPaused(observed)) await this.#budgets.keep(observed);
      await this.#steps.take(step, observed, token);
      return undefined;
    } catch (error) {
      return asError(error);
    }
  }

  /** What a leave would move is asked only when one is due. */
  async #withPreview(observed: ObservedState, token: string | undefined): Promise<ObservedState> {
    const leave = leaveToPreview(observed, nodeViews(observed, existingPods(observed)));
    const pod = observed.pods.find(({ metadata }) => metadata?.name === leave?.via);
    if (leave === undefined || pod === undefined || isPaused(observed)) return observed;
    const { leaving } = leave;
    const preview = await this.#parts.nodes.preview(clusterKey(observed.cluster), pod, { token, leaving });
    return { ...observed, preview };
  }

  #observed(cluster: DynamoCluster, reports: ObservedState["reports"]): ObservedState {
    const { statefulSets, pods, claims } = this.#parts.caches;
    return {
      cluster,
      statefulSets: ofCluster(statefulSets.list(), cluster).filter(
        ({ metadata }) => metadata?.deletionTimestamp === undefined,
      ),
      pods: ofCluster(pods.list(), cluster),
      claims: ofCluster(claims.list(), cluster),
      reports,
      now: `${new Date().toISOString().slice(0, 19)}Z`,
    };
  }

  async #applyAll(observed: ObservedState): Promise<void> {
    const { cluster } = observed;
    for (const object of desiredObjects(observed, this.#parts.operator)) await this.#applier.apply(object);
    for (const claim of observed.claims)
      if (isOfCluster(claim.metadata!.name!, observed)) await this.#ownClaim(claim, cluster);
  }

  /** Volumes go with the cluster only where the user said so. */
  async #ownClaim({ metadata }: V1PersistentVolumeClaim, cluster: DynamoCluster): Promise<void> {
    const owners = metadata?.ownerReferences ?? [];
    const isOwned = owners.some(({ uid }) => uid === cluster.metadata.uid);
    const shallBeOwned = cluster.spec.storage.reclaimPolicy === "Delete";
    if (isOwned === shallBeOwned) return;
    const others = owners.filter(({ kind }) => kind !== cluster.kind);
    const patch = { metadata: { ownerReferences: shallBeOwned ? [...others, ownerOf(cluster)] : others } };
    const name = { namespace: cluster.metadata.namespace, name: metadata!.name! };
    await this.#parts.client.mergePatch(RESOURCES.claims, name, patch);
  }

  async #report(observed: ObservedState, step: Step, failure: Error | undefined): Promise<void> {
    const { cluster } = observed;
    const told = failure === undefined || isConflict(failure) ? undefined : failureOf(failure);
    const facts = factsOf({ observed, step, heldBack: this.#heldBack(observed), failure: told });
    const status = clusterStatus(facts);
    for (const event of eventsOf(cluster.status, status)) this.#parts.events.record(cluster, event);
    if (told !== undefined) {
      const reason = told.reason === "Failed" ? "ReconcileFailed" : told.reason;
      const event = { type: "Warning", reason, action: "Reconcile", note: told.message } as const;
      this.#parts.events.record(cluster, event);
    }
    if (digestOf(status) === digestOf(cluster.status)) return;
    await this.#parts.client.applyStatus(withStatus(cluster, status));
  }

  #heldBack({ cluster, statefulSets }: ObservedState): string[] {
    const image = cluster.spec.image ?? this.#parts.operator.image;
    return zoneShares(cluster).flatMap(({ zone, statefulSet }) => {
      const live = statefulSets.find(({ metadata }) => metadata?.name === statefulSet);
      return templateFor(cluster, { zone, image, live }).isHeldBack ? [statefulSet] : [];
    });
  }
}

function withStatus({ apiVersion, kind, metadata }: DynamoCluster, status: DynamoClusterStatus) {
  const { namespace, name } = metadata;
  return { apiVersion, kind, metadata: { namespace, name }, status } as KubernetesObject;
}

function againAfterMs(step: Step): number {
  switch (step.kind) {
    case "none":
      return AT_REST_MS;
    case "wait":
      return step.afterMs;
    case "form_ring":
    case "adopt_identity":
    case "restart_pod":
    case "grow_claim":
    case "replace_stateful_set":
    case "begin_change":
    case "cancel_change":
    case "mark_claim":
    case "scale_stateful_set":
    case "replace_volume":
    case "delete_claim":
      return AFTER_STEP_MS;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
