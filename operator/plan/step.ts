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
    }
  /** Asks a member for a change of the ring, on exactly the ring that was looked at. */
  | ({ readonly kind: "begin_change"; readonly changeId: string } & SizeChange)
  /** Takes a change back that is not wanted any more. */
  | {
      readonly kind: "cancel_change";
      readonly changeId: string;
      readonly via: string;
      readonly why: string;
    }
  /** Notes on a claim that its node has left and handed everything over: the proof outlives the pod. */
  | { readonly kind: "mark_claim"; readonly claim: string; readonly uid: string; readonly node: string }
  /** Changes the number of a StatefulSet's pods, if it is still as it was looked at. */
  | {
      readonly kind: "scale_stateful_set";
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
      readonly from: number;
      readonly to: number;
    }
  /** Gives a member whose volume is lost for good a fresh one: its claim and its pod are deleted, and made anew. */
  | {
      readonly kind: "replace_volume";
      readonly pod: string;
      /** Undefined where there is no pod. */
      readonly podUid: string | undefined;
      readonly claim: string;
      readonly claimUid: string;
      readonly why: string;
    }
  /** Deletes the claim of a node that has left, or never was; its pod is gone. */
  | {
      readonly kind: "delete_claim";
      readonly claim: string;
      readonly uid: string;
      readonly resourceVersion: string;
      readonly why: string;
    };

/** A join or leave that the size asks for. */
export interface SizeChange {
  readonly type: "join" | "leave";
  /** Pod of the member that is asked. */
  readonly via: string;
  readonly generation: number;
  readonly epoch: number;
  readonly joining: readonly string[];
  readonly leaving: readonly string[];
  /** Of those that join or leave, for people. */
  readonly pods: readonly string[];
}

export type WaitReason =
  "ForPods" | "ForNodes" | "ForConvergence" | "ForRingChange" | "ForHandover" | "Paused" | "RingConflict";
