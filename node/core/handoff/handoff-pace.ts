import type { Stored, StoreFailureCode } from "../ports/replica-store.ts";

/**
 * How hard the handoff may try: the decisions of hint-delivery.ts that need no state. A batch that takes long is the
 * sign of a busy disk, network or owner, so pauses follow the time that batches take: foreground work gets its share
 * without being measured, and the handoff never stops for good.
 */
export const HANDOFF = {
  /** From a connection to its first batch: the bulk connection follows the first one, and not all begin at once. */
  settleMsMin: 200,
  settleMsMax: 700,
  /** Of one batch, which is all that is in flight for one owner: far below a peer's window. */
  batchBytes: 1024 * 1024,
  /** Owners that are delivered to at once; the memory in use is that many batches. */
  ownersMax: 4,
  acknowledgeTimeoutMs: 10_000,
} as const;

/** Of the time that a delivery takes, two thirds are pauses. */
const PAUSE_FACTOR = 2;
const PAUSE_MS_MAX = 5_000;
const BACKOFF_MS_MAX = 60_000;

export function pauseAfterMs(batchMs: number): number {
  return Math.min(PAUSE_MS_MAX, PAUSE_FACTOR * Math.max(0, batchMs));
}

/** How long an owner is left alone after so many rounds in a row (≥ 1) with nothing acknowledged: 0, 1, 3, … times. */
export function backoffMs(failures: number, intervalMs: number): number {
  return Math.min(BACKOFF_MS_MAX, intervalMs * (2 ** Math.min(failures - 1, 16) - 1));
}

/**
 * What came of one hint. "refused": its owner will never take it, and it must hold up no other. "failed": the owner
 * did not answer or could not store it now. "not_forgotten": the owner has it, but this node could not strike it off:
 * its own disk failed or took too long. "record_lost": a marker whose record is gone was dropped. "waiting": not all
 * who must have it are connected, or its owner has it and whoever gains the partition has not.
 */
export type HintFate = AnswerFate | "not_forgotten" | "record_lost" | "waiting";

/** What one node's answer says of it. */
export type AnswerFate = "delivered" | "refused" | "failed";

const NEVER: ReadonlySet<StoreFailureCode> = new Set(["invalid_record", "key_collision", "record_too_large"]);

export function fateOfAnswer(stored: Stored): AnswerFate {
  if (stored.ok) return "delivered";
  return NEVER.has(stored.code) ? "refused" : "failed";
}

/** Of a hint that all of them must have. Delivered to nobody is not delivered. */
export function fateOfAnswers(fates: readonly AnswerFate[]): AnswerFate {
  if (fates.length === 0 || fates.includes("failed")) return "failed";
  return fates.includes("refused") ? "refused" : "delivered";
}

/** Whether to go on with the next batch now. */
export function mayGoOn(fates: readonly HintFate[]): boolean {
  return !fates.includes("failed") && !fates.includes("not_forgotten");
}
