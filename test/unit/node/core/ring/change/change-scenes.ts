import fc from "fast-check";
import { planChange, type ChangePlan } from "../../../../../../node/core/ring/change/change-plan.ts";
import type { ChangeRequest } from "../../../../../../node/core/ring/change/change-request.ts";
import type { FormedRing, Ring, RingMember } from "../../../../../../node/core/ring/ring.ts";
import { member, membersOf, ringOf } from "../made-ring.ts";

/** The plan of a request that must be possible. */
export function planned(ring: Ring, request: ChangeRequest): ChangePlan {
  const plan = planChange(ring, request);
  if (!plan.ok) throw new Error(plan.message);
  return plan;
}

export function join(...joining: readonly RingMember[]): ChangeRequest {
  return { type: "join", joining, leaving: [] };
}

export function leave(...leaving: readonly RingMember[]): ChangeRequest {
  return { type: "leave", joining: [], leaving: leaving.map(({ id }) => id) };
}

export function replace(leaving: readonly RingMember[], joining: readonly RingMember[]): ChangeRequest {
  return { type: "replace", joining, leaving: leaving.map(({ id }) => id) };
}

/** The settled ring that a plan leads to. */
export function ringAfter(ring: FormedRing, { members, nextOwners }: ChangePlan): FormedRing {
  const indexOf = new Map(members.map(({ id }, index) => [id, index]));
  return {
    ...ring,
    epoch: ring.epoch + 1,
    members: members.map((listed) => ({ ...listed, state: "active" })),
    owners: nextOwners.map((id) => indexOf.get(id)!),
  };
}

export interface Scene {
  readonly ring: FormedRing;
  readonly request: ChangeRequest;
}

/** A ring of 1 to 100 members in no zones or up to 5, and a change of up to 4 nodes that it allows. */
export const scenes: fc.Arbitrary<Scene> = fc
  .record({
    count: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 100 })),
    zones: fc.integer({ min: 0, max: 5 }),
    partitions: fc.constantFrom(64, 256),
    replicas: fc.integer({ min: 1, max: 5 }),
    type: fc.constantFrom("join", "leave", "replace"),
    size: fc.integer({ min: 1, max: 4 }),
    pick: fc.nat(),
    zoneShift: fc.nat({ max: 2 }),
  })
  .map(({ count, zones, partitions, replicas, type, size, pick, zoneShift }) => {
    const members = membersOf(count, zones);
    const ring = ringOf({ members, partitions, replicas });
    const zone = (n: number): string => (zones === 0 ? "" : `zone-${n % zones}`);
    const fresh = (n: number): RingMember => member(1_000 + n, zone(n));
    const leavers = type === "leave" ? Math.min(size, count - replicas) : Math.min(size, count);
    if (type === "join" || leavers <= 0)
      return { ring, request: join(...Array.from({ length: size }, (_, i) => fresh(pick + i))) };
    const first = pick % count;
    const leaving = Array.from({ length: leavers }, (_, i) => members[(first + i) % count]!);
    if (type === "leave") return { ring, request: leave(...leaving) };
    const joining = leaving.map((_, i) => fresh(((first + i) % count) + zoneShift));
    return { ring, request: replace(leaving, joining) };
  });
