import { setTimeout as delay } from "node:timers/promises";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import type { AdminClient } from "../admin-client.ts";
import { tellingOf } from "../ask-admins.ts";
import { DynamoError } from "../dynamo-error.ts";

export interface ServedRing {
  readonly ring: AdminRing;
  /** Of a node that serves it. */
  readonly admin: AdminClient;
}

/** Of a caller that looks again, or whose request the nodes check. */
const OTHERS_MS_MAX = 2_000;

/**
 * The latest ring that any of these nodes serves: one that is cut off, or cannot store what was decided, serves an earlier one. Who
 * has not answered `othersMsMax` ms after all were asked is not waited for once another has. Rejects with DynamoError where none does.
 */
export async function latestRing(
  admins: readonly AdminClient[],
  othersMsMax = OTHERS_MS_MAX,
): Promise<ServedRing> {
  const found: ServedRing[] = [];
  const errors: DynamoError[] = [];
  let tellFound = (): void => undefined;
  const first = new Promise<void>((resolve) => (tellFound = resolve));
  const asked = admins.map(async (admin) => {
    try {
      found.push({ ring: await admin.ring(), admin });
      tellFound();
    } catch (error) {
      if (!(error instanceof DynamoError)) throw error;
      errors.push(error);
    }
  });
  const all = Promise.all(asked);
  const enough = new AbortController();
  const patience = delay(othersMsMax, undefined, { signal: enough.signal }).catch(() => undefined);
  await Promise.race([all, patience]);
  enough.abort();
  if (found.length === 0) await Promise.race([all, first]);
  all.catch(() => undefined);
  const [latest] = found.toSorted(({ ring: a }, { ring: b }) => compareRings(b, a));
  if (latest === undefined) throw tellingOf(errors);
  return latest;
}

/** Negative where `a` is older than `b`. */
export function compareRings(a: RingNumber, b: RingNumber): number {
  return a.generation - b.generation || a.epoch - b.epoch;
}

type RingNumber = Pick<AdminRing, "generation" | "epoch">;
