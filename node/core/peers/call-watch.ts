import type { NodeId } from "../node-id.ts";

/** A replica that takes longer to answer in the foreground is late. */
export const CALL_LATE_MS = 500;

/** Who wants to know how calls fare (membership/failure-detector.ts). Told for every call: cheap, and may not throw. */
export interface CallWatch {
  /** A call that expects an answer was sent. */
  sent(to: NodeId): void;
  /** `measured` where a replica was asked in the foreground. */
  answered(from: NodeId, waitedMs: number, measured: "replicate" | "read" | undefined): void;
  /** Such a call has waited for `CALL_LATE_MS`, and not longer than its deadline. Once a call. */
  late(to: NodeId, sentAtMs: number, measured: "replicate" | "read"): void;
}
