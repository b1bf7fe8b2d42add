import { latestRing } from "../observe/latest-ring.ts";
import { nodeViews } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { existingPods } from "./existing-pods.ts";
import { dueChange } from "./size.ts";

/**
 * Of how many nodes drains may take one at a time: the members of the ring, those that a change adds or takes away included, and those
 * that join next: the budget counts them before they are members, so that at no moment, whenever the operator ends, it allows more than one.
 * Undefined where no node that answers has a ring.
 */
export function budgetedNodes(observed: ObservedState): number | undefined {
  const nodes = nodeViews(observed, existingPods(observed));
  const ring = latestRing(nodes);
  if (ring === undefined) return undefined;
  return ring.members.length + (dueChange(observed, nodes)?.joining.length ?? 0);
}
