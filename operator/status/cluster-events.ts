import type { DynamoClusterStatus } from "../api/v1alpha1/dynamo-cluster.ts";

/**
 * What happened to a cluster, where `kubectl describe` shows it: events are for what changes, conditions for what
 * lasts. Those here are read off two statuses, one after the other; the rest is told by whoever does it.
 */
export type EventReason =
  | "ClusterCreated"
  | "RingFormed"
  | "RolloutStarted"
  | "RolloutCompleted"
  | "NodeRestarted"
  | "NodeReturned"
  | "VolumeResizing"
  | "SizeChangeStarted"
  | "SizeChangeCancelled"
  | "SizeChangeBlocked"
  | "SizeReached"
  | "PodsScaled"
  | "VolumeDeleted"
  | "VolumeReplaced"
  | "QuorumLost"
  | "QuorumRestored"
  | "RingConflict"
  | "ReconcileFailed"
  | "SecretMissing"
  | "SecretUnusable"
  | "SecretGoing"
  | "SecretRestored"
  | "Paused"
  | "Resumed";

export interface ClusterEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: EventReason;
  /** What was done, as one word: "Form", "Restart". */
  readonly action: string;
  readonly note: string;
}

export function eventsOf(
  before: DynamoClusterStatus | undefined,
  after: DynamoClusterStatus,
): readonly ClusterEvent[] {
  if (before?.conditions === undefined) {
    return [normal("ClusterCreated", `a cluster of ${after.quorum ?? ""} (N/R/W) is being made`)];
  }
  return [
    ...availability(before, after),
    ...conflict(before, after),
    ...pause(before, after),
    ...rollout(before, after),
    ...size(before, after),
  ];
}

function availability(before: DynamoClusterStatus, after: DynamoClusterStatus): readonly ClusterEvent[] {
  const was = conditionOf(before, "Available");
  const is = conditionOf(after, "Available");
  if (is?.reason === "QuorumLost" && was?.reason !== "QuorumLost") return [warning("QuorumLost", is.message)];
  if (is?.status === "True" && was?.reason === "QuorumLost") return [normal("QuorumRestored", is.message)];
  return [];
}

function conflict(before: DynamoClusterStatus, after: DynamoClusterStatus): readonly ClusterEvent[] {
  const is = conditionOf(after, "Degraded");
  const isNew = is?.reason === "RingConflict" && conditionOf(before, "Degraded")?.reason !== "RingConflict";
  return isNew ? [warning("RingConflict", is.message)] : [];
}

function pause(before: DynamoClusterStatus, after: DynamoClusterStatus): readonly ClusterEvent[] {
  const was = conditionOf(before, "Paused")?.status;
  const is = conditionOf(after, "Paused");
  if (is === undefined || was === is.status || was === undefined) return [];
  return [is.status === "True" ? normal("Paused", is.message) : normal("Resumed", is.message)];
}

function rollout(before: DynamoClusterStatus, after: DynamoClusterStatus): readonly ClusterEvent[] {
  const was = outdated(before);
  const is = outdated(after);
  if (is > 0 && was === 0) return [normal("RolloutStarted", `${is} pods are replaced, one at a time`)];
  if (is === 0 && was > 0) return [normal("RolloutCompleted", "no pod of the old template is left")];
  return [];
}

const BLOCKED = ["NoRoom", "ClaimRetained", "NodeLeft"];

function size(before: DynamoClusterStatus, after: DynamoClusterStatus): readonly ClusterEvent[] {
  const was = conditionOf(before, "SizeAsAsked");
  const is = conditionOf(after, "SizeAsAsked");
  if (is === undefined || was === undefined || is.reason === was.reason) return [];
  if (BLOCKED.includes(is.reason)) return [warning("SizeChangeBlocked", is.message)];
  return is.status === "True" ? [normal("SizeReached", is.message)] : [];
}

function outdated({ nodes = [] }: DynamoClusterStatus): number {
  return nodes.filter(({ upToDate }) => upToDate === false).length;
}

function conditionOf({ conditions = [] }: DynamoClusterStatus, type: string) {
  return conditions.find((condition) => condition.type === type);
}

function normal(reason: EventReason, note: string): ClusterEvent {
  return { type: "Normal", reason, action: "Observe", note };
}

function warning(reason: EventReason, note: string): ClusterEvent {
  return { type: "Warning", reason, action: "Observe", note };
}
