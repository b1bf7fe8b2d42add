import type { AdminClient } from "../admin-client.ts";
import { DynamoError } from "../dynamo-error.ts";

/**
 * Asks one node after the other until one that is in a ring answers, whatever it answers. A node that is silent or in no
 * ring is passed over: whoever lets nodes join names them beside the members. Rejects as the last one did.
 */
export async function askMember<T>(
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
      if (!(error instanceof DynamoError) || !isPassedOver(error)) throw error;
      last = error;
    }
  }
  throw last;
}

function isPassedOver({ status, retriable, code }: DynamoError): boolean {
  return (status === undefined && retriable) || code === "no_ring";
}
