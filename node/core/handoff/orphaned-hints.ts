import type { Ring } from "../ring/ring.ts";

/** Hints for nodes that the ring does not list (any more): nobody can be given them until the ring changes again. */
export function orphanedHints(byOwner: ReadonlyMap<string, number>, ring: Ring | undefined): number {
  const members = new Set<string>(ring?.members.map(({ id }) => id));
  let orphaned = 0;
  for (const [owner, count] of byOwner) if (!members.has(owner)) orphaned += count;
  return orphaned;
}
