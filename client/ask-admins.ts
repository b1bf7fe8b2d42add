import type { AdminClient } from "./admin-client.ts";
import { DynamoError } from "./dynamo-error.ts";

/**
 * Asks one admin port after the other until one answers, whatever it answers. Rejects as the first one did that may answer later, else
 * as the last.
 */
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
  return askUntil(admins, ask, isNoMember);
}

/** The same, but a member that cannot bring about a decision is passed over, too: it may be cut off, or its ring store lost. */
export function askProposer<T>(
  admins: readonly AdminClient[],
  ask: (admin: AdminClient) => Promise<T>,
): Promise<T> {
  return askUntil(admins, ask, (error) => isNoMember(error) || error.code === "undecided");
}

async function askUntil<T>(
  admins: readonly AdminClient[],
  ask: (admin: AdminClient) => Promise<T>,
  isPassedOver: (error: DynamoError) => boolean,
): Promise<T> {
  const errors: DynamoError[] = [];
  for (const admin of admins) {
    try {
      return await ask(admin);
    } catch (error) {
      if (!(error instanceof DynamoError) || !isPassedOver(error)) throw error;
      errors.push(error);
    }
  }
  throw tellingOf(errors);
}

/** The one of these that says most of whether to ask again. */
export function tellingOf(errors: readonly DynamoError[]): DynamoError {
  const noAdmin = new DynamoError("no admin endpoint; name one with --admin", { code: "invalid_argument" });
  return errors.find(({ retriable }) => retriable) ?? errors.at(-1) ?? noAdmin;
}

function isNoMember(error: DynamoError): boolean {
  return isSilent(error) || error.code === "no_ring";
}

function isSilent({ status, retriable }: DynamoError): boolean {
  return status === undefined && retriable;
}
