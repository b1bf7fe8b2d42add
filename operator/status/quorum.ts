import type { Facts } from "./facts.ts";
import { isServing } from "./facts.ts";

/**
 * Whether every key can be read and written with the default quorums. Writes go to stand-ins while enough nodes serve
 * at all; a read of what was written before needs R of the owners themselves to be within reach.
 */
export interface QuorumState {
  readonly held: boolean;
  /** Partitions with fewer than R owners that serve. */
  readonly partitionsWithout: number;
  readonly serving: number;
}

export function quorumState({ ring, nodes, observed }: Facts): QuorumState {
  const serving = new Set(nodes.filter(isServing).map(({ report }) => report!.status.node.id));
  if (ring === undefined) return { held: false, partitionsWithout: 0, serving: serving.size };
  const { readQuorum: r, writeQuorum: w } = observed.cluster.spec.replication;
  const n = Math.min(ring.parameters.replicas, ring.members.length);
  const isUp = ring.members.map(({ id }) => serving.has(id));
  let partitionsWithout = 0;
  for (const owners of preferenceLists(ring, n)) {
    if (owners.filter((index) => isUp[index]).length < Math.min(r, n)) partitionsWithout += 1;
  }
  return {
    held: partitionsWithout === 0 && serving.size >= Math.min(w, n),
    partitionsWithout,
    serving: serving.size,
  };
}

/** Clockwise from each partition the first `n` members of distinct zones, then any: as the nodes themselves walk. */
function preferenceLists(ring: NonNullable<Facts["ring"]>, n: number): number[][] {
  const { owners, members } = ring;
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
