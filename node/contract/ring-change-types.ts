import type { NodeAddress } from "./admin-types.ts";

/** JSON of the admin API about changes of the ring: part of the contract that admin-types.ts begins. */

/**
 * POST /admin/v1/ring/plan: what a change would move, on the ring as it is now. Changes nothing; it needs the token all
 * the same, because it can cost a second of the node's time.
 */
export interface PlanRingChangeRequest {
  readonly type: RingChangeType;
  /** Ids of nodes that are no members yet; none where the type is leave. At most 500. */
  readonly joining?: readonly string[];
  /** Ids of members; none where the type is join. In a replace each goes for the joining node at the same place. */
  readonly leaving?: readonly string[];
}

export type RingChangeType = "join" | "leave" | "replace";

/** Its answer, 200; refused with the codes of a change (RingChangeRequest). */
export interface RingPlan {
  /** The ring that it is planned on. */
  readonly generation: number;
  readonly epoch: number;
  readonly hash: string;
  readonly type: RingChangeType;
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
  /** Every node before or after, ascending by id. */
  readonly nodes: readonly RingPlanNode[];
  /** Copies that are made, in the order of partitions. */
  readonly transfers: readonly RingPlanTransfer[];
  /** The least that any plan with these copies on each node moves. */
  readonly copiesMovedMin: number;
  /** Partitions that change their owner, and the least that any plan with these loads changes. */
  readonly ownersMoved: number;
  readonly ownersMovedMin: number;
  /**
   * Estimated: the keys of a partition by what the node that was asked keeps of it, a partition of which it keeps nothing
   * by the mean of the others, a key by its mean share of data.db. Null where its disk gave no answer.
   */
  readonly bytesMoved: number | null;
}

export interface RingPlanNode extends NodeAddress {
  /** Partitions that the ring gives it; 0 before it joins and after it left. */
  readonly owned: { readonly before: number; readonly after: number };
  /** Partitions that it keeps a copy of. */
  readonly copies: { readonly before: number; readonly after: number };
  /** Estimated like `bytesMoved`: what it receives. */
  readonly bytesGained: number | null;
}

export interface RingPlanTransfer {
  readonly partition: number;
  /** Who gives its copy up for this one; null where the partition has one copy more than before. */
  readonly from: string | null;
  readonly to: string;
}

/**
 * POST /admin/v1/ring/changes, to any member: asks for a change. 200 once its begin is decided, or was by an earlier
 * submission of the same `changeId`; how it goes on is GET …/current.
 *
 * - 400 `invalid_request`, or a request that no ring could grant: `nothing_to_change`, `wrong_type`, `unequal_replacement`, `named_twice`, `invalid_document`.
 * - 409, with the ring: `epoch_passed` (the ring is another than the one asked for), `overtaken` (another change was decided), or a
 *   refusal: `change_under_way`, `unknown_node`, `already_member`, `too_few_members`, `too_many_members`, `feature_level` (a member's release
 *   cannot read a ring that changes), `not_joinable` (a node that shall join does not answer, runs a release that cannot read a
 *   ring which changes, keeps copies of before, or has not said which ring store it has).
 * - 503 `no_ring`; `undecided` with `maybeApplied: true`: no majority decided in time, and a later proposal may still finish it.
 */
export interface RingChangeRequest extends PlanRingChangeRequest {
  /** 1 to 128 of `A-Z a-z 0-9 . _ -`. Sent again it is no second change. */
  readonly changeId: string;
  /** Epoch of the ring that whoever asks has seen. */
  readonly epoch: number;
}

/**
 * POST /admin/v1/ring/changes/cancel: back to the owners before. 200 once it is decided. 409, with the ring: `no_change`,
 * `other_change`, `wrong_phase` (it has flipped: let it end, then ask for the reverse), `overtaken`. 503 as above.
 */
export interface CancelRingChangeRequest {
  readonly changeId: string;
}

/** Answer of both, 200: the ring that was decided. */
export interface RingChangeResult {
  readonly changeId: string;
  readonly generation: number;
  readonly epoch: number;
  readonly hash: string;
}

/** GET /admin/v1/ring/changes/current: how far the change is, as far as this node has heard; `{}` without one. */
export interface RingChangeProgress {
  readonly changeId: string;
  readonly type: RingChangeType;
  /** transfer: reads go to the owners before. flipped: to those after. Writes go to both. */
  readonly phase: "transfer" | "flipped";
  /** Of the ring that this is told of. */
  readonly epoch: number;
  /** The first of those that join, else of those that leave. */
  readonly node: string;
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
  /** Copies that are complete, and that have to be. */
  readonly moved: number;
  readonly total: number;
  /** The same for each node that gets copies, ascending by id. */
  readonly nodes: readonly { readonly id: string; readonly moved: number; readonly total: number }[];
  /** What its next step waits for, for people; empty where it is due. */
  readonly waitsFor: string;
}

/**
 * POST /admin/v1/ring/recover, to any survivor, after most of those that decide are lost for good: the survivors go on in a higher
 * generation. 409, with the ring: `majority_survives` (use leave or replace), `unknown_node`, `epoch_passed`. 400: `invalid_document`. 503 `members_unreachable` or `undecided`, `maybeApplied: true` where some may have accepted it: send it again.
 */
export interface RecoverRingRequest {
  /** Ids of all members that survive, the node that is asked included. */
  readonly survivors: readonly string[];
  /** Of the ring that whoever asks has seen. */
  readonly generation: number;
  readonly epoch: number;
}

/** Its answer, 200: the ring that all survivors have accepted. */
export interface RecoverRingResult {
  readonly generation: number;
  readonly epoch: number;
  readonly hash: string;
}
