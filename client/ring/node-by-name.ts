import type { AdminMember } from "../../node/contract/admin-types.ts";
import { DynamoError } from "../dynamo-error.ts";

/**
 * The node that a person means: by its id, the beginning of its id (4 characters or more), its client or peer address, or the
 * first label of that address (a pod's name). Rejects, as a DynamoError, a name that fits none or several.
 */
export function nodeByName(members: readonly AdminMember[], name: string): AdminMember {
  const exact = members.filter((member) => member.id === name || addressesOf(member).includes(name));
  const found = exact.length > 0 ? exact : members.filter((member) => isNear(member, name));
  if (found.length === 1) return found[0]!;
  const known = (found.length > 1 ? found : members).map((member) => `  ${describe(member)}`).join("\n");
  const problem = found.length > 1 ? `${name} fits several nodes` : `no node is called ${name}`;
  throw new DynamoError(`${problem}; name one of these by its id or address:\n${known}`, {
    code: "invalid_argument",
  });
}

function isNear(member: AdminMember, name: string): boolean {
  const isBeginning = name.length >= 4 && member.id.startsWith(name.toLowerCase());
  return isBeginning || addressesOf(member).some((address) => address.startsWith(`${name}.`));
}

function addressesOf({ address, clientAddress }: AdminMember): string[] {
  return [address, clientAddress].filter((each) => each !== "");
}

function describe(member: AdminMember): string {
  const standing = member.state === "none" ? "no member" : member.state;
  return [member.id, ...addressesOf(member), standing].join("  ");
}
