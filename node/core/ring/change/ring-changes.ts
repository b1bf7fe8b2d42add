import type { NodeId } from "../../node-id.ts";
import type { ChangeRefusal } from "./change-request.ts";
import type { Lack } from "./change-progress.ts";
import type { StepRefusalCode } from "./change-steps.ts";

/**
 * What a node does to the ring on behalf of a person or the operator. Each call proposes, and resolves when the outcome is
 * known or time is up; it never rejects. Sending the same again is safe.
 */
export interface RingChanges {
  /** Begins a change; "decided" also where an earlier submission of this changeId has begun it and it is under way. */
  submit(change: SubmittedChange): Promise<ChangeOutcome>;
  /** Back to the owners before; refused once it has flipped. */
  cancel(changeId: string): Promise<ChangeOutcome>;
  /** A higher generation with these survivors alone (recovered-ring.ts), accepted by every one of them. */
  recover(recovery: SubmittedRecovery): Promise<RecoveryAttempt>;
  /**
   * What the next step of the change under way lacks, as far as this node has heard: of a flip in phase transfer, of the
   * end in phase flipped. Empty where it is due, and without a change.
   */
  lacks(): readonly Lack[];
}

/** Ids only: zones and ring stores of those that join are what they say of themselves. */
export interface SubmittedChange {
  readonly changeId: string;
  readonly type: "join" | "leave" | "replace";
  readonly joining: readonly NodeId[];
  /** In a replace each goes for the joining node at the same place. */
  readonly leaving: readonly NodeId[];
  /** Of the ring that whoever asks has seen. */
  readonly epoch: number;
}

export interface SubmittedRecovery {
  readonly survivors: readonly NodeId[];
  /** Of the ring that whoever asks has seen. */
  readonly generation: number;
  readonly epoch: number;
}

/** Which ring it is; where an earlier call decided it, the one that is served now. */
export interface DecidedRing {
  readonly generation: number;
  readonly epoch: number;
  /** ring-document.ts `ringDigest`. */
  readonly hash: string;
}

export type ChangeOutcome =
  | { readonly kind: "decided"; readonly decided: DecidedRing }
  | { readonly kind: "refused"; readonly code: SubmissionRefusalCode; readonly message: string }
  /** No majority decided in time. `mayFollow`: a later proposal may still finish it; else nobody was asked to vote for it. */
  | { readonly kind: "undecided"; readonly message: string; readonly mayFollow: boolean }
  | { readonly kind: "no_ring" };

export type SubmissionRefusalCode =
  | ChangeRefusal["code"]
  | StepRefusalCode
  /** The ring is at another epoch than the one that was asked for. */
  | "epoch_passed"
  /** Another proposal was decided for this epoch. */
  | "overtaken"
  /** A node that shall join is not reachable, has a ring, or has not said which ring store it has. */
  | "not_joinable";

export type RecoveryAttempt =
  | { readonly kind: "recovered"; readonly decided: DecidedRing }
  | {
      readonly kind: "refused";
      readonly code: "majority_survives" | "unknown_node" | "invalid_document" | "epoch_passed";
      readonly message: string;
    }
  /** Not every survivor could be asked: none has accepted anything. */
  | { readonly kind: "unreachable"; readonly message: string }
  /** Some may have accepted it: send it again. */
  | { readonly kind: "undecided"; readonly message: string }
  | { readonly kind: "no_ring" };
