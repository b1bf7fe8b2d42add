import type { V1PersistentVolumeClaim } from "@kubernetes/client-node";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import { LEFT_CLAIM } from "../api/v1alpha1/annotations.ts";

/** What a claim says of the node whose volume it is. */

/** The id of the node that has left and handed everything over; undefined where none is noted. */
export function notedNode({ metadata }: V1PersistentVolumeClaim): string | undefined {
  return metadata?.annotations?.[LEFT_CLAIM];
}

/** It has no volume yet, so no node ever kept anything there. */
export function isUnbound({ spec }: V1PersistentVolumeClaim): boolean {
  return spec?.volumeName === undefined || spec.volumeName === "";
}

/**
 * A spare that was not wanted for a moment, and joined after all, is a member whatever is noted on its claim; once it leaves it
 * has handed everything over when the ring does not list it as departed any more.
 */
export function isOfLeft(claim: V1PersistentVolumeClaim, { members, departed = [] }: AdminRing): boolean {
  const node = notedNode(claim);
  return node !== undefined && !members.some(({ id }) => id === node) && !departed.includes(node);
}
