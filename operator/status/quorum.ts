import type { Facts } from "./facts.ts";
import { isServing } from "./facts.ts";
import { preferenceLists } from "../observe/preference-lists.ts";

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
  for (const owners of preferenceLists(ring)) {
    if (owners.filter((index) => isUp[index]).length < Math.min(r, n)) partitionsWithout += 1;
  }
  return {
    held: partitionsWithout === 0 && serving.size >= Math.min(w, n),
    partitionsWithout,
    serving: serving.size,
  };
}
