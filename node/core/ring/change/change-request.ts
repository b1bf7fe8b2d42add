import type { NodeId } from "../../node-id.ts";
import type { Ring, RingMember } from "../ring.ts";

/**
 * What a person or the operator asks of the ring, and whether the ring as it is allows it. Refusals are for whoever
 * asked: each says what stands in the way and what to do. Nothing is planned here (change-plan.ts).
 */
export interface ChangeRequest {
  readonly type: "join" | "leave" | "replace";
  /** Nodes that are no members yet; none where the type is leave. */
  readonly joining: readonly Pick<RingMember, "id" | "zone">[];
  /** Members; none where the type is join. In a replace each goes for the joining node at the same place. */
  readonly leaving: readonly NodeId[];
}

export interface ChangeRefusal {
  readonly ok: false;
  readonly code:
    | "change_under_way"
    | "nothing_to_change"
    | "wrong_type"
    | "unequal_replacement"
    | "named_twice"
    | "unknown_node"
    | "already_member"
    | "too_few_members"
    | "too_many_members";
  readonly message: string;
}

/** As many as were tried: a plan of 500 joins takes about a second (decision 3). More go one change after another. */
export const CHANGED_NODES_MAX = 500;

/** The first reason why this request cannot be planned on this ring; undefined where it can. */
export function refusalOf(
  ring: Pick<Ring, "members" | "change" | "parameters">,
  request: ChangeRequest,
): ChangeRefusal | undefined {
  return refusedByRing(ring) ?? refusedByShape(request) ?? refusedByMembers(ring, request);
}

function refusedByRing({ change }: Pick<Ring, "change">): ChangeRefusal | undefined {
  if (change === null) return undefined;
  return refuse(
    "change_under_way",
    `change ${change.changeId} (${change.type}) is under way: wait for its end or cancel it; one change at a time`,
  );
}

function refusedByShape({ type, joining, leaving }: ChangeRequest): ChangeRefusal | undefined {
  if (joining.length + leaving.length === 0) return refuse("nothing_to_change", `${type} names no node`);
  if (type === "join" && leaving.length > 0)
    return refuse("wrong_type", `a join names nodes that leave: ${leaving.join(", ")}; ask for a replace`);
  if (type === "leave" && joining.length > 0) {
    const ids = joining.map(({ id }) => id).join(", ");
    return refuse("wrong_type", `a leave names nodes that join: ${ids}; ask for a replace`);
  }
  if (type === "replace" && joining.length !== leaving.length) {
    const counts = `${leaving.length} leave and ${joining.length} join`;
    return refuse(
      "unequal_replacement",
      `a replace puts one node in the place of one: ${counts}; use join and leave for the difference`,
    );
  }
  const twice = repeated([...joining.map(({ id }) => id), ...leaving]);
  if (twice !== undefined) return refuse("named_twice", `node ${twice} is named twice`);
  const changed = Math.max(joining.length, leaving.length);
  if (changed > CHANGED_NODES_MAX) {
    return refuse(
      "too_many_members",
      `${changed} nodes in one change exceed ${CHANGED_NODES_MAX}: split the change`,
    );
  }
  return undefined;
}

function refusedByMembers(
  { members, parameters: { replicas } }: Pick<Ring, "members" | "parameters">,
  { joining, leaving }: ChangeRequest,
): ChangeRefusal | undefined {
  const ids = new Set(members.map(({ id }) => id));
  const known = joining.find(({ id }) => ids.has(id));
  if (known !== undefined) return refuse("already_member", `node ${known.id} is a member already`);
  const unknown = leaving.find((id) => !ids.has(id));
  if (unknown !== undefined) return refuse("unknown_node", `node ${unknown} is no member of this ring`);
  const left = members.length - leaving.length;
  if (leaving.length > joining.length && left < replicas) {
    return refuse(
      "too_few_members",
      `${left} of ${members.length} members would be left, fewer than the ${replicas} copies of each key: ` +
        `join others first, or replace`,
    );
  }
  return undefined;
}

function repeated(ids: readonly NodeId[]): NodeId | undefined {
  const seen = new Set<NodeId>();
  return ids.find((id) => seen.size === seen.add(id).size);
}

function refuse(code: ChangeRefusal["code"], message: string): ChangeRefusal {
  return { ok: false, code, message };
}
