import type { NodeView } from "../observe/node-view.ts";
import { latestRing } from "../observe/latest-ring.ts";
import { type StandingNode, standings } from "../observe/node-standing.ts";
import { nodeViews } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import { existingPods } from "../plan/existing-pods.ts";
import { isPaused } from "../plan/next-step.ts";
import { ringConflict } from "../plan/ring-conflict.ts";
import { isOutdated } from "../plan/rollout.ts";
import { type SizeObstacle, sizeObstacle } from "../plan/size.ts";
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
  /**
   * Nodes that keys are read from, or may be: not spares, nor who joins before the flip or leaves after it, nor those that have
   * left, nor who is silent while every member has its pod.
   */
  readonly serving: readonly NodeView[];
  /** Pods of members, silent ones too. */
  readonly memberPods: ReadonlySet<string>;
  /** Why the size cannot be reached without a person. */
  readonly sizeObstacle: SizeObstacle | undefined;
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
  const ring = latestRing(nodes);
  const placed = ring === undefined ? [] : standings(nodes, ring);
  const memberPods = new Set(
    placed.filter(({ standing }) => standing === "member").map(({ node }) => node.pod),
  );
  return {
    observed,
    step,
    nodes,
    ring,
    serving:
      ring === undefined
        ? nodes
        : placed
            .filter((each) => mayBeRead(each, { ring, members: memberPods.size }))
            .map(({ node }) => node),
    memberPods,
    sizeObstacle: sizeObstacle(observed, nodes),
    conflict: ringConflict(nodes),
    paused: isPaused(observed),
    outdated: nodes.filter((node) => isOutdated(node, observed.statefulSets)),
    growing: growingClaims(observed),
    heldBack,
    failure,
  };
}

function mayBeRead(
  { node, id, standing }: StandingNode,
  { ring, members }: { readonly ring: AdminRing; readonly members: number },
): boolean {
  const unread = ring.change?.phase === "flipped" ? "leaving" : "joining";
  if (ring.members.some((member) => member.id === id && member.state === unread)) return false;
  return standing === "member" || (node.report === undefined && members < ring.members.length);
}

/** A node that takes part in quorums: it answers, is in the ring and can read and write. */
export function isServing({ report }: NodeView): boolean {
  return report?.status.state === "serving";
}
