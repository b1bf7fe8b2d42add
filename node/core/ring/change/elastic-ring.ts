import type { NodeId } from "../../node-id.ts";
import { checkRing, RingInvalid } from "../ring-check.ts";
import type { AdmittedMember, ElasticRing, Ring, RingMember } from "../ring.ts";
import { checkDeparted } from "./departed.ts";

/** Reads rings of format 2 (ring.ts `ElasticRing`), and says who is there before and after a change. */

/** A ring store as it is drawn. */
export const RING_STORE = /^[0-9a-f]{16}$/;
const CHANGE_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Returns the same value, now known to be a ring of format 2. Throws RingInvalid, which names the field. */
export function checkElasticRing(value: unknown): ElasticRing {
  const given = value as Readonly<Record<string, unknown>> | null;
  if (typeof given !== "object" || given === null || given["format"] !== 2)
    throw new RingInvalid("format", "is not 2");
  // What both formats have is checked in one place; format 1 leaves only what a change means to be checked here.
  checkRing({ ...given, format: 1 });
  const ring = value as ElasticRing;
  ring.members.forEach(({ ringStore }, i) => {
    if (typeof ringStore !== "string" || !RING_STORE.test(ringStore))
      throw new RingInvalid(`members[${i}].ringStore`, "is not 16 hex digits");
  });
  if (!Number.isSafeInteger(ring.acceptsFrom) || ring.acceptsFrom < 1 || ring.acceptsFrom > ring.epoch)
    throw new RingInvalid("acceptsFrom", `is not a whole number from 1 to ${ring.epoch}`);
  if (ring.featureLevel < ELASTIC_LEVEL)
    throw new RingInvalid("featureLevel", `${ring.featureLevel} does not allow format 2`);
  checkChange(ring);
  checkDeparted(ring);
  return ring;
}

/** A ring of either format. Throws RingInvalid. */
export function checkAnyRing(value: unknown): Ring {
  const isElastic = typeof value === "object" && value !== null && "format" in value && value.format === 2;
  return isElastic ? checkElasticRing(value) : checkRing(value);
}

/** The feature level from which on rings are of format 2 and can change. */
export const ELASTIC_LEVEL = 2;

function checkChange({ change, members, owners }: ElasticRing): void {
  if (change === null) {
    const odd = members.findIndex(({ state }) => state !== "active");
    if (odd >= 0) throw new RingInvalid(`members[${odd}].state`, "is not active, and no change is under way");
    return;
  }
  if (!CHANGE_ID.test(change.changeId))
    throw new RingInvalid("change.changeId", 'is not 1 to 128 letters, digits, ".", "_" and "-"');
  if (change.phase !== "transfer" && change.phase !== "flipped")
    throw new RingInvalid("change.phase", "is neither transfer nor flipped");
  const early = owners.findIndex((owner) => members[owner]!.state === "joining");
  if (early >= 0) throw new RingInvalid(`owners[${early}]`, "is a member that only joins");
  const late = change.nextOwners.findIndex((owner) => members[owner]!.state === "leaving");
  if (late >= 0) throw new RingInvalid(`change.nextOwners[${late}]`, "is a member that leaves");
  if (members.every(({ state }) => state === "active"))
    throw new RingInvalid("members", "neither join nor leave, though a change is under way");
}

/**
 * The members before a change under way, or after it, and who owns then; for a settled ring it is the ring itself. So
 * preference-list.ts walks over nobody who is not there: one that joins would else be taken for an owner for its zone's sake.
 */
export function ringAt<R extends Ring>(ring: R, when: "before" | "after"): R {
  if (ring.change === null) return ring;
  const absent = when === "before" ? "joining" : "leaving";
  const places = new Map<number, number>();
  const members = ring.members.filter(({ state }, index) => {
    if (state === absent) return false;
    places.set(index, places.size);
    return true;
  });
  const owners = when === "before" ? ring.owners : ring.change.nextOwners;
  return {
    ...ring,
    members: members.map((member) => ({ ...member, state: "active" })),
    owners: owners.map((owner) => places.get(owner)!),
    change: null,
  };
}

/**
 * Who decides the epoch after this one: the members before the change until the flip, those after it from then on. So
 * nodes that join and die, or leave and are gone, never stand in the way of the next epoch. The decided document of one epoch
 * alone says who decides the next: two answers are not possible.
 */
export function votersOf(ring: Pick<Ring, "members" | "change">): readonly RingMember[] {
  if (ring.change === null) return ring.members;
  const absent = ring.change.phase === "flipped" ? "leaving" : "joining";
  return ring.members.filter(({ state }) => state !== absent);
}

/** What this node's ring store is, as far as votes go. */
export interface OwnStore {
  /** Drawn when the store was created; 16 hex digits. */
  readonly id: string;
  /** kept-ring.ts `adopted`: it learnt its first ring from a peer. Before format 2 nothing else tells a new store. */
  readonly adopted: boolean;
}

/**
 * Whether this node, whose ring store is not the one listed (`isAdmitted`), may acknowledge writes. It may have served later rings than
 * the one that it learnt since, and have refused what it would take now: so not before an epoch lists its new store, which is later
 * than all that it served before. Only where so many have lost theirs that no epoch can: the promise is void then, and writes go on.
 * @param isLost whether the member says that its store is not the one listed
 */
export function isBeyondAdmission(
  ring: Pick<Ring, "members" | "change">,
  self: NodeId,
  isLost: (id: NodeId) => boolean,
): boolean {
  const voters = votersOf(ring);
  const able = voters.filter(({ id }) => id !== self && !isLost(id));
  return able.length <= voters.length / 2;
}

/** Whether the ring lists this node with the ring store that it has. Format 1 lists no stores: whoever it lists. */
export function isAdmitted(ring: Ring, self: NodeId, storeId: string): boolean {
  const member = ring.members.find((listed) => listed.id === self);
  if (member === undefined) return false;
  return ring.format === 1 || (member as AdmittedMember).ringStore === storeId;
}

/** Whether this member, with this store, remembers every promise it ever made for the epoch after this one. */
export function remembersPromises(ring: Ring, self: NodeId, { id, adopted }: OwnStore): boolean {
  return isAdmitted(ring, self, id) && (ring.format === 2 || !adopted);
}

/** "left" where this node is no member (any more): it refuses to serve and says so. */
export function standingOf(ring: Pick<Ring, "members">, self: NodeId): RingMember["state"] | "left" {
  return ring.members.find(({ id }) => id === self)?.state ?? "left";
}
