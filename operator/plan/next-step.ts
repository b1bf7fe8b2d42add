import { PAUSED_ANNOTATION } from "../api/v1alpha1/annotations.ts";
import { nodeViews, whyUnwell } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { formationStep } from "./formation.ts";
import { identityStep } from "./identity.ts";
import { existingPods, missingSets } from "./existing-pods.ts";
import { lostVolumeStep } from "./lost-volume.ts";
import { ringConflict } from "./ring-conflict.ts";
import { brokenPodStep, rolloutStep } from "./rollout.ts";
import { sizeStep } from "./size.ts";
import type { Step } from "./step.ts";
import { volumeStep } from "./volumes.ts";

/**
 * What to do next for a cluster, given everything that is known about it: the first of these that has something to
 * do. Volumes come before health, because they may be the remedy; a ring that contradicts itself stops everything
 * that could make it worse. A change of size that has begun goes to its end before healthy pods are replaced.
 */
export function nextStep(observed: ObservedState): Step {
  const { cluster } = observed;
  if (isPaused(observed)) {
    const message =
      "paused: nothing is changed until spec.paused is false and the annotation dynamokv.io/paused is gone";
    return { kind: "wait", reason: "Paused", message, afterMs: 60_000 };
  }
  const nodes = nodeViews(observed, existingPods(observed));
  const volumes = volumeStep(observed);
  if (volumes !== undefined) return volumes;
  const conflict = ringConflict(nodes);
  if (conflict !== undefined)
    return { kind: "wait", reason: "RingConflict", message: conflict, afterMs: 10_000 };
  // Its nodes cannot be seen meanwhile, and the others alone would pass for the whole cluster.
  const missing = missingSets(observed);
  if (nodes.length > 0 && missing.length > 0) {
    const message = `StatefulSet ${missing.join(", ")} is being made anew, its pods stay; where that takes longer, the condition Reconciled says why`;
    return { kind: "wait", reason: "ForPods", message, afterMs: 1_000 };
  }
  return (
    formationStep(cluster, nodes) ??
    identityStep(observed, nodes) ??
    lostVolumeStep(observed, nodes) ??
    brokenPodStep(observed, nodes) ??
    sizeStep(observed, nodes) ??
    rolloutStep(observed, nodes) ??
    healthStep(nodes) ?? { kind: "none" }
  );
}

export function isPaused({ cluster }: ObservedState): boolean {
  return cluster.spec.paused || cluster.metadata.annotations?.[PAUSED_ANNOTATION] === "true";
}

/** Nothing can be done for a node that is down but wait; while it is, look more often than the resync does. */
function healthStep(nodes: ReturnType<typeof nodeViews>): Step | undefined {
  const unwell = nodes.find(({ isReady, report }) => !isReady || report?.status.state !== "serving");
  if (unwell === undefined) return undefined;
  const message = `${unwell.pod}: ${whyUnwell(unwell)}`;
  return { kind: "wait", reason: "ForPods", message, afterMs: 2_000 };
}
