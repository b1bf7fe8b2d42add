import type { Stored } from "./ports/replica-store.ts";
import type { Timers } from "./ports/timers.ts";

/**
 * How long what works in turns (handoff, anti-entropy, scrub, recovery) waits for the writer: a disk without an answer
 * must not hold a turn for ever.
 */
export const STORED_WAIT_MS_MAX = 30_000;

/**
 * What came of a write, or `storage_lost` after STORED_WAIT_MS_MAX: it may be done all the same. Not for puts, whose
 * coordinator waits no longer than its client does: a timer for each would cost more than the rest of the call.
 */
export function storedWithin(stored: Promise<Stored>, timers: Timers): Promise<Stored> {
  return answeredWithin(stored, timers, late);
}

/** The same for what the writer is asked beside that. */
export function answeredWithin<T>(answer: Promise<T>, timers: Timers, otherwise: T): Promise<T> {
  return new Promise((resolve) => {
    const cancel = timers.after(STORED_WAIT_MS_MAX, () => resolve(otherwise));
    void answer.then((result) => {
      cancel();
      resolve(result);
    });
  });
}

export const NO_ANSWER = `this node's disk gave no answer to a write in ${STORED_WAIT_MS_MAX / 1_000} s: see whether it hangs`;

const late: Stored = { ok: false, code: "storage_lost", message: NO_ANSWER };
