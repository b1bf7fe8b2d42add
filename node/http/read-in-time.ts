import type { Timers } from "../core/ports/timers.ts";

const READ_TIMEOUT_MS = 10_000;
const NO_ANSWER = `this node's disk gave no answer in ${READ_TIMEOUT_MS / 1_000} s: see whether it hangs, or try again`;

/** What the own store answers, or that it has not: a disk that hangs must not hold the caller for ever. */
export function readInTime<T>(
  reading: Promise<T>,
  timers: Pick<Timers, "after">,
): Promise<T | { readonly status: "failed"; readonly message: string }> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(READ_TIMEOUT_MS, () => resolve({ status: "failed", message: NO_ANSWER }));
    void reading.then(resolve, reject).finally(cancel);
  });
}
