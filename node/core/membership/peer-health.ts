import type { NodeId } from "../node-id.ts";

/** What this node believes of a peer. A slow peer is a member like any other, but the last to be asked. */
export type Belief = "up" | "slow" | "down";

/**
 * Why. `silent`: nothing at all is heard, although it was asked. `deaf`: it is heard, but answers nothing, so our
 * messages do not reach it. `late`: it answers, but not what its disk has to do. `heard`: it is up.
 */
export type BeliefReason = "never_connected" | "disconnected" | "silent" | "deaf" | "late" | "heard";

export interface PeerHealth {
  readonly belief: Belief;
  readonly reason: BeliefReason;
  /** On this node's monotonic clock: when the belief began. */
  readonly sinceMs: number;
}

export interface BeliefChange extends PeerHealth {
  readonly peer: NodeId;
  readonly before: PeerHealth;
}
