import type { RingChangeProgress, RingPlan } from "../contract/ring-change-types.ts";
import type { ChangeOutcome, RecoveryAttempt, RingChanges } from "../core/ring/change/ring-changes.ts";
import type { PlannedChange } from "./ring-change-body.ts";

/** What a node lets its operators do to a ring that there is; ring-changes-routes.ts is its dress in HTTP. */
export interface RingAdmin extends Pick<RingChanges, "submit" | "cancel" | "recover"> {
  plan(change: PlannedChange): Promise<PlanOutcome>;
  /** Undefined without a change. */
  progress(): RingChangeProgress | undefined;
}

export type PlanOutcome =
  | { readonly kind: "planned"; readonly plan: RingPlan }
  | Extract<ChangeOutcome, { kind: "refused" | "no_ring" }>;

export type { ChangeOutcome, RecoveryAttempt };
