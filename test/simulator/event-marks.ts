import type { CoreEvent } from "../../node/core/ports/observer.ts";
import type { CoverageMarks, Mark } from "./coverage-marks.ts";
import type { Scenario } from "./scenario.ts";

/** The situations that a node's own events tell of. */
export function markEvent(event: CoreEvent, marks: CoverageMarks, scenario: Scenario): void {
  // TypeScript does not see that the entry of a kind takes events of that kind.
  const situations = SITUATIONS[event.kind] as ((event: CoreEvent, scenario: Scenario) => Told) | undefined;
  const told = situations?.(event, scenario);
  if (typeof told === "string") marks.hit(told);
  else if (Array.isArray(told)) for (const mark of told) if (mark !== false) marks.hit(mark);
}

type Told = Mark | false | readonly (Mark | false)[];
type Situations = {
  readonly [Kind in CoreEvent["kind"]]?: (
    event: Extract<CoreEvent, { kind: Kind }>,
    scenario: Scenario,
  ) => Told;
};

const SITUATIONS: Situations = {
  stand_in_used: () => "stand-in used",
  hedge_sent: ({ operation }) => (operation === "put" ? "hedged put" : "hedged get"),
  request_forwarded: () => "request forwarded",
  request_handed_on: () => "silent node's request handed on",
  owner_missed: ({ outcome }) =>
    outcome === "marked"
      ? "owner remembered that missed a put"
      : outcome === "failed" && "owner missed a put and was not remembered",
  read_repaired: ({ ok }) => ok && "read repaired",
  hints_sent: ({ fates }) => [
    fates.includes("delivered") && "hint delivered",
    fates.includes("failed") && "hint not acknowledged",
  ],
  hints_refused: () => "hint refused by limit",
  handoff_interrupted: () => "handoff interrupted",
  handoff_completed: ({ delivered }, { settings }) =>
    delivered > settings.handoffBatchRows && "handoff in several batches",
  marker_dropped: () => "marker without its record dropped",
  peer_down: ({ reason }) => {
    if (reason === "disconnected") return "peer disconnected";
    return reason === "silent"
      ? "peer believed down for its silence"
      : "peer believed down for leaving all unanswered";
  },
  peer_up: ({ before }) => [
    (before === "silent" || before === "deaf") && "convicted peer acquitted",
    before === "late" && "slow peer is prompt again",
  ],
  peer_slow: () => "peer believed slow",
  node_stalled: () => "node noticed its own stall",
  gossip_finished: ({ outcome }) => outcome === "exchanged" && "gossip exchanged",
  recovery_finished: () => "loss recovered from",
  row_corrupt: () => "rotten row found",
  batch_committed: ({ writes }) => writes > 1 && "two writes in one commit",
  antientropy_exchanged: ({ outcome, recordsPulled, recordsPushed }) => [
    recordsPulled > 0 && "anti-entropy pulled a record",
    recordsPushed > 0 && "anti-entropy pushed a record",
    outcome === "equal" && "anti-entropy found all equal",
    outcome === "failed" && "anti-entropy failed",
    outcome === "postponed" && "anti-entropy postponed",
  ],
  scrub_stepped: ({ corrupt, leavesRebuilt }) => [
    corrupt > 0 && "scrub found a rotten row",
    leavesRebuilt > 0 && "scrub rebuilt a leaf",
  ],
  hints_database_lost: () => "loss of hints found",
  tree_roots_rebuilt: () => "wrong root found by an exchange",
  corrupt_rows_repaired: () => "rotten row fetched from a co-owner",
  corrupt_rows_not_repaired: () => "rotten row that a co-owner could not give",
  corrupt_row_lost: () => "rotten row lost for good",
  scrub_failed: () => "scrub read failed",
  hint_lost: () => "rotten hint struck off",
  seal_round_ended: ({ outcome, sealed }) => [
    outcome === "sealed" && sealed > 0 && "tombstones sealed",
    outcome !== "sealed" && "seal round given up",
  ],
  stale_plan_refused: () => "plan refused by the fence",
  planned_anew: () => "request planned anew",
  misplaced_handed_over: ({ rowsDropped }) => rowsDropped > 0 && "misplaced copies handed over and removed",
  peer_call_timed_out: () => "peer call timed out",
};
