import type { NodeView } from "../observe/node-view.ts";
import { nodeViews } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import { existingPods } from "../plan/existing-pods.ts";
import { isPaused } from "../plan/next-step.ts";
import { ringConflict } from "../plan/ring-conflict.ts";
import { isOutdated } from "../plan/rollout.ts";
import type { Step } from "../plan/step.ts";
import type { Failure } from "./failure.ts";
import { growingClaims } from "../plan/volumes.ts";

/** What the conditions are made of: derived once, so that they cannot contradict each other. */
export interface Facts {
  readonly observed: ObservedState;
  readonly step: Step;
  readonly nodes: readonly NodeView[];
  /** The latest ring that a node serves. */
  readonly ring: AdminRing | undefined;
  readonly conflict: string | undefined;
  readonly paused: boolean;
  readonly outdated: readonly NodeView[];
  readonly growing: readonly string[];
  /** StatefulSets whose template waits for a change of the spec. */
  readonly heldBack: readonly string[];
  /** Why the last pass could not do what it wanted; undefined where it could. */
  readonly failure: Failure | undefined;
}

export interface FactsInput {
  readonly observed: ObservedState;
  readonly step: Step;
  readonly heldBack: readonly string[];
  readonly failure: Failure | undefined;
}

export function factsOf({ observed, step, heldBack, failure }: FactsInput): Facts {
  const nodes = nodeViews(observed, existingPods(observed));
  return {
    observed,
    step,
    nodes,
    ring: latestRing(nodes),
    conflict: ringConflict(nodes),
    paused: isPaused(observed),
    outdated: nodes.filter((node) => isOutdated(node, observed.statefulSets)),
    growing: growingClaims(observed),
    heldBack,
    failure,
  };
}

function latestRing(nodes: readonly NodeView[]): AdminRing | undefined {
  let latest: AdminRing | undefined;
  for (const { report } of nodes) {
    const ring = report?.ring;
    if (ring === undefined) continue;
    const isLater =
      latest === undefined ||
      ring.generation > latest.generation ||
      (ring.generation === latest.generation && ring.epoch > latest.epoch);
    if (isLater) latest = ring;
  }
  return latest;
}

/** A node that takes part in quorums: it answers, is in the ring and can read and write. */
export function isServing({ report }: NodeView): boolean {
  return report?.status.state === "serving";
}
