/**
 * The one thing to do next, beside applying the desired objects. Each step is safe to repeat and safe to be cut short
 * by a crash at any point: the next pass observes what came of it and plans again.
 */
export type Step =
  /** Nothing to do until something changes. */
  | { readonly kind: "none" }
  /** Nothing can be done now; look again after `afterMs` at the latest. */
  | { readonly kind: "wait"; readonly reason: WaitReason; readonly message: string; readonly afterMs: number }
  /** Asks one node to propose the first ring. */
  | {
      readonly kind: "form_ring";
      readonly via: string;
      readonly members: readonly string[];
      readonly clusterId: string;
    }
  /** Tells a node without ring and data to take the id of the member whose volume was lost. */
  | { readonly kind: "adopt_identity"; readonly pod: string; readonly id: string }
  /** Deletes a pod, so that its StatefulSet makes it anew; by eviction where a healthy one gives way to an update. */
  | {
      readonly kind: "restart_pod";
      readonly pod: string;
      readonly uid: string;
      readonly resourceVersion: string;
      readonly how: "evict" | "delete";
      readonly why: string;
    }
  /** Asks for a larger volume. */
  | { readonly kind: "grow_claim"; readonly claim: string; readonly size: string }
  /** Deletes a StatefulSet but not its pods: its claim template cannot be changed in place. */
  | {
      readonly kind: "replace_stateful_set";
      readonly name: string;
      readonly uid: string;
      readonly why: string;
    };

export type WaitReason = "ForPods" | "ForNodes" | "ForConvergence" | "Paused" | "RingConflict";
