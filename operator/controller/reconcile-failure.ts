import type { Failure, FailureReason } from "../status/failure.ts";

/** What stops a pass and needs a person or time, with a reason of its own; any other error is `Failed`. */
export class ReconcileFailure extends Error {
  override readonly name = "ReconcileFailure";
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function failureOf(error: Error): Failure {
  const { message } = error;
  return { reason: error instanceof ReconcileFailure ? error.reason : "Failed", message };
}
