import type { NodeId } from "../../../../../../node/core/node-id.ts";
import type { ChangeRequest } from "../../../../../../node/core/ring/change/change-request.ts";
import { type Step, takeStep } from "../../../../../../node/core/ring/change/change-steps.ts";
import type { ElasticRing, Ring } from "../../../../../../node/core/ring/ring.ts";
import { planned } from "./change-scenes.ts";

/** The ring store of a node, as drawn the n-th time: 16 hex digits that show both. */
export function storeOf(id: NodeId, n = 0): string {
  return id.slice(-12) + n.toString(16).padStart(4, "0");
}

/** A step that must be possible. */
export function stepped(ring: Ring, step: Step): ElasticRing {
  const outcome = takeStep(ring, step);
  if (!outcome.ok) throw new Error(outcome.message);
  return outcome.ring;
}

/** The next epoch of a ring of format 1. */
export function raised(ring: Ring): ElasticRing {
  const ringStores = new Map(ring.members.map(({ id }) => [id, storeOf(id)]));
  return stepped(ring, { kind: "raise", ringStores });
}

export function beginningOf(ring: Ring, request: ChangeRequest, changeId = "change-1"): Step {
  const joining = request.joining.map(({ id, zone }) => ({ id, zone, ringStore: storeOf(id) }));
  const { nextOwners } = planned(ring, request);
  return { kind: "begin", changeId, type: request.type, joining, leaving: request.leaving, nextOwners };
}

/** The epochs of a whole change, each as its phase is entered. */
export function changed(
  ring: ElasticRing,
  request: ChangeRequest,
): Record<"transfer" | "flipped" | "ended" | "cancelled", ElasticRing> {
  const changeId = "change-1";
  const transfer = stepped(ring, beginningOf(ring, request, changeId));
  const flipped = stepped(transfer, { kind: "flip", changeId });
  return {
    transfer,
    flipped,
    ended: stepped(flipped, { kind: "end", changeId }),
    cancelled: stepped(transfer, { kind: "cancel", changeId }),
  };
}
