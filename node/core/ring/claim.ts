import { invariant } from "../invariant.ts";
import type { NodeId } from "../node-id.ts";
import { moveToQuotas } from "./claim-moves.ts";
import { planQuotas } from "./claim-quotas.ts";
import { layOut } from "./claim-layout.ts";
import { removeClashes, repairMovesMax } from "./claim-repair.ts";
import { ClaimPlan, UNOWNED } from "./claim-plan.ts";
import type { RingMember } from "./ring.ts";

/**
 * Which member owns which partition (Dynamo §6.2, strategy 3: Q equal parts, Q/S of them to each of S nodes).
 *
 * A new ring is laid out from nothing; a changed one keeps every owner it can. Each member has a quota: loads
 * differ by at most one inside a zone, and across zones of equal size. Members over their quota, and those that left, give
 * up partitions to members under theirs; nothing else moves, but for the repairs below.
 *
 * A *clash* is two partitions less than N apart with one owner, or with owners in one zone although there are N zones (with fewer
 * zones: N partitions in a row that miss a zone). The walk of preference-list.ts steps over clashes, so they cost evenness of the
 * copies, never a copy. A new ring has none where quotas allow it: no zones and ceil(Q/S) ≤ floor(Q/N), or at least
 * N zones and no zone's quota above floor(Q/N) (proof: claim-layout.ts). After a change, clashes that remain are
 * repaired by exchanging owners, at most `repairMovesMax` further moves.
 *
 * Deterministic: the order of `members` does not matter.
 */
export interface ClaimInput {
  /** Q, at least N. */
  readonly partitions: number;
  /** N. */
  readonly replicas: number;
  /** Those that are to own partitions, at least one, in any order, ids distinct. */
  readonly members: readonly Pick<RingMember, "id" | "zone">[];
  /** The owner of each partition so far; ids that are no longer members have left. */
  readonly previousOwners?: readonly NodeId[];
  /** Moves that repairs may add, as a part of those the change needs; without it `repairMovesMax`. */
  readonly repairPart?: number;
}

/** For each partition the index of its owner among the members in ascending order of id. */
export function claim({ partitions, replicas, members, previousOwners, repairPart }: ClaimInput): number[] {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  invariant(sorted.length > 0, "a claim needs at least one member");
  invariant(new Set(sorted.map(({ id }) => id)).size === sorted.length, "a claim names a member twice");
  invariant(
    previousOwners === undefined || previousOwners.length === partitions,
    `${previousOwners?.length} previous owners for ${partitions} partitions`,
  );
  const indexOf = new Map(sorted.map(({ id }, index) => [id, index]));
  const kept =
    previousOwners?.map((id) => indexOf.get(id) ?? UNOWNED) ?? new Array<number>(partitions).fill(UNOWNED);
  const plan = new ClaimPlan({ replicas, zones: sorted.map(({ zone }) => zone), owners: kept });
  const quotas = planQuotas(plan);
  if (kept.every((owner) => owner === UNOWNED)) layOut(plan, quotas);
  else moveToQuotas(plan, quotas);
  removeClashes(
    plan,
    repairPart === undefined ? repairMovesMax(plan) : Math.floor(repairPart * plan.moves()),
  );
  return plan.owners();
}
