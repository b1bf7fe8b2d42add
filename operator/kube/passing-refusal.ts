import { DynamoError } from "../../client/dynamo-error.ts";

/** Codes of node/core/ring/change, and of nodes that could not decide. */
const PASSING: ReadonlySet<string> = new Set([
  "change_under_way",
  "already_member",
  "unknown_node",
  "feature_level",
  "no_change",
  "other_change",
  "wrong_phase",
  "epoch_passed",
  "overtaken",
  "not_joinable",
  "undecided",
  "no_ring",
]);

/**
 * Whether a node refused a change of the ring that was planned from an older look at it, or that it can take up only in a
 * moment. Looking again is the remedy; where it is none, the message is what a person needs.
 */
export function isPassing(error: Error): boolean {
  return error instanceof DynamoError && PASSING.has(error.code);
}
