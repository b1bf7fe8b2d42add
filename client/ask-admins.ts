import type { AdminClient } from "./admin-client.ts";
import { DynamoError } from "./dynamo-error.ts";

/** Asks one admin port after the other until one answers, whatever it answers. Rejects as the last one did. */
export function askAny<T>(
  admins: readonly AdminClient[],
  ask: (admin: AdminClient) => Promise<T>,
): Promise<T> {
  return askUntil(admins, ask, isSilent);
}

/** The same, but a node that is in no ring is passed over, too: whoever lets nodes join names them beside the members. */
export function askMember<T>(
  admins: readonly AdminClient[],
  ask: (admin: AdminClient) => Promise<T>,
): Promise<T> {
  return askUntil(admins, ask, (error) => isSilent(error) || error.code === "no_ring");
}

async function askUntil<T>(
  admins: readonly AdminClient[],
  ask: (admin: AdminClient) => Promise<T>,
  isPassedOver: (error: DynamoError) => boolean,
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

function isSilent({ status, retriable }: DynamoError): boolean {
  return status === undefined && retriable;
}
