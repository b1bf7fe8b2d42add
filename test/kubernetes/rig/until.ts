import { setTimeout as sleep } from "node:timers/promises";

/**
 * Looks again and again until `look` answers something, and answers that. Rejects after `timeoutMs` with `what` and,
 * where `look` threw, why it did the last time.
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const startedMs = performance.now();
  let trouble = "";
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      trouble = `; last: ${String(error)}`;
    }
    if (performance.now() - startedMs > timeoutMs)
      throw new Error(`not within ${timeoutMs} ms: ${what}${trouble}`);
    await sleep(250);
  }
}
