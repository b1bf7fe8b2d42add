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
  | { readonly kind: "peer_call_timed_out"; readonly peerId: string }
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
