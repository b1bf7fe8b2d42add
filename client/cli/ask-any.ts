import type { AdminClient } from "../admin-client.ts";
import { DynamoError } from "../dynamo-error.ts";

/** Asks one admin port after the other until one answers, whatever it answers. Rejects as the last one did. */
export async function askAny<T>(
  admins: readonly AdminClient[],
  ask: (admin: AdminClient) => Promise<T>,
): Promise<T> {
  let last: unknown = new DynamoError("no admin endpoint; name one with --admin", {
    code: "invalid_argument",
  });
  for (const admin of admins) {
    try {
      return await ask(admin);
    } catch (error) {
      const silent = error instanceof DynamoError && error.status === undefined && error.retriable;
      if (!silent) throw error;
      last = error;
    }
  }
  throw last;
}
