/**
 * What the core has to say to logs and metrics. Events are facts in the past tense with bounded fields: never a
 * value, never a key. Adapters turn them into winston lines and prometheus samples.
 */
export interface Observer {
  event(event: CoreEvent): void;
}

export type CoreEvent =
  | { readonly kind: "put_finished"; readonly outcome: string; readonly durationMs: number }
  | {
      readonly kind: "get_finished";
      readonly outcome: string;
      readonly siblings: number;
      readonly durationMs: number;
    }
  | { readonly kind: "request_forwarded"; readonly peerId: string }
  | { readonly kind: "stand_in_used"; readonly ownerId: string; readonly standInId: string }
  | { readonly kind: "hedge_sent"; readonly operation: "put" | "get" }
  | { readonly kind: "read_repaired"; readonly peerId: string; readonly ok: boolean }
  | { readonly kind: "read_repair_dropped" }
  /** One batch of hints; `fates` has one for each (HintFate in handoff/handoff-pace.ts). */
  | {
      readonly kind: "hints_sent";
      readonly ownerId: string;
      readonly fates: readonly string[];
      readonly durationMs: number;
    }
  /** Nothing that could be delivered is kept for this owner any more. Only where something was. */
  | { readonly kind: "handoff_completed"; readonly ownerId: string; readonly delivered: number }
  | { readonly kind: "handoff_interrupted"; readonly ownerId: string; readonly delivered: number }
  /** So many copies and markers for other owners found no room (NodeSettings.hintBytesMax). */
  | { readonly kind: "hints_refused"; readonly count: number; readonly hintBytes: number }
  /** Another node handed over what it kept for this one, and it is on stable storage here. */
  | { readonly kind: "hint_received"; readonly peerId: string }
  /** A marker hint whose record this node does not hold any more: its owner cannot be given it from here. */
  | { readonly kind: "marker_dropped"; readonly ownerId: string }
  | { readonly kind: "peer_call_timed_out"; readonly peerId: string }
  /** What this node believes of a peer has changed; `reason` and `before` are of membership/peer-health.ts. */
  | {
      readonly kind: "peer_up" | "peer_slow" | "peer_down";
      readonly peerId: string;
      readonly reason: string;
      readonly before: string;
      /** How long the belief before it lasted; 0 for a peer that is met for the first time. */
      readonly lastedMs: number;
    }
  /** This node's own event loop did not run for so long: meanwhile it convicted nobody. */
  | { readonly kind: "node_stalled"; readonly durationMs: number }
  | { readonly kind: "gossip_finished"; readonly outcome: "exchanged" | "unanswered" | "refused" }
  | { readonly kind: "peer_message_refused"; readonly peerId: string; readonly reason: string }
  | { readonly kind: "row_corrupt"; readonly database: "data" | "hints" }
  | { readonly kind: "commit_failed"; readonly code: string; readonly message: string }
  | {
      readonly kind: "batch_committed";
      readonly writes: number;
      readonly bytes: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "ring_installed";
      readonly epoch: number;
      readonly hash: string;
      readonly members: number;
    }
  | {
      readonly kind: "ring_conflict";
      readonly epoch: number;
      readonly ours: string;
      readonly theirs: string;
      readonly peerId: string;
    };
