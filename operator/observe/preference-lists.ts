import type { AdminRing } from "../../node/contract/admin-types.ts";

type Assignment = Pick<AdminRing, "owners" | "members" | "parameters">;

/**
 * The owners of each partition, as places in `members`: clockwise from it the first N members of distinct zones, then any, as
 * the nodes themselves walk (Dynamo §4.3). During a change by the owners that the ring lists, which may be those before it.
 */
export function preferenceLists({ owners, members, parameters }: Assignment): number[][] {
  const n = Math.min(parameters.replicas, members.length);
  return owners.map((_, partition) => {
    const met: number[] = [];
    for (let i = 0; i < owners.length; i++) {
      const owner = owners[(partition + i) % owners.length]!;
      if (!met.includes(owner)) met.push(owner);
      if (met.length === members.length) break;
    }
    const zones = new Set<string>();
    const apart = met.filter((index) => {
      const { zone } = members[index]!;
      if (zones.has(zone)) return false;
      zones.add(zone);
      return true;
    });
    return [...apart, ...met.filter((index) => !apart.includes(index))].slice(0, n);
  });
}

/** For each member those that keep some partition together with it: nodes compare their keys with these, and with nobody else. */
export function coOwnersIn(ring: Assignment): ReadonlyMap<string, ReadonlySet<string>> {
  const coOwners = new Map(ring.members.map(({ id }) => [id, new Set<string>()]));
  for (const owners of preferenceLists(ring)) {
    const ids = owners.map((index) => ring.members[index]!.id);
    for (const id of ids) for (const other of ids) if (other !== id) coOwners.get(id)!.add(other);
  }
  return coOwners;
}
