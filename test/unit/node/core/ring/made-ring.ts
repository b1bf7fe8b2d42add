import { parseNodeId, type NodeId } from "../../../../../node/core/node-id.ts";
import { claim } from "../../../../../node/core/ring/claim.ts";
import type { FormedRing, RingMember } from "../../../../../node/core/ring/ring.ts";

/** Node ids in ascending order of `n`. */
export function nodeId(n: number): NodeId {
  return parseNodeId(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
}

/** Members 0 … count−1; `zoneCount` zones in turns, 0 for none. */
export function membersOf(count: number, zoneCount = 0): RingMember[] {
  return Array.from({ length: count }, (_, n) => member(n, zoneCount === 0 ? "" : `zone-${n % zoneCount}`));
}

export function member(n: number, zone = ""): RingMember {
  return { id: nodeId(n), zone, state: "active" };
}

/** A settled ring; owners as given, else as claimed. */
export function ringOf(given: {
  members: readonly RingMember[];
  replicas?: number;
  partitions?: number;
  owners?: readonly number[];
}): FormedRing {
  const { members, replicas = 3 } = given;
  const partitions = given.owners?.length ?? given.partitions ?? 256;
  return {
    format: 1,
    clusterId: "test",
    generation: 0,
    epoch: 1,
    parameters: { partitions, replicas, hash: "md5", leafFormat: 1 },
    featureLevel: 1,
    members,
    owners: given.owners ?? claim({ partitions, replicas, members }),
    change: null,
  };
}

/** How often each index below `count` comes. */
export function loadsOf(owners: readonly number[], count: number): number[] {
  const loads = new Array<number>(count).fill(0);
  for (const owner of owners) loads[owner]!++;
  return loads;
}

/** Runs of `span` partitions, wrap-around included, in which two have the same label. */
export function repeatingRuns<T>(labels: readonly T[], span: number): number {
  return labels.filter((_, start) => {
    const run = Array.from({ length: span }, (__, i) => labels[(start + i) % labels.length]);
    return new Set(run).size < span;
  }).length;
}
