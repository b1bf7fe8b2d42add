/**
 * Why a pass could not do what it wanted, as the condition `Reconciled` and an event tell it. Most are the API server's
 * or a node's own words; those that a person can mend by hand have a reason of their own.
 */
export type FailureReason = "Failed" | "SecretMissing" | "SecretUnusable" | "SecretGoing";

export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
}
