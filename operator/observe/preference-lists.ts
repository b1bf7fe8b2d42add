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

/** Members that keep some partition together with `id`: nodes compare their keys with these, and with nobody else. */
export function coOwnersOf(id: string, ring: Assignment): ReadonlySet<string> {
  const own = ring.members.findIndex((member) => member.id === id);
  const together = preferenceLists(ring).filter((owners) => owners.includes(own));
  return new Set(together.flat().flatMap((index) => (index === own ? [] : ring.members[index]!.id)));
}
