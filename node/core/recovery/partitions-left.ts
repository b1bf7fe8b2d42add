import type { NodeId } from "../node-id.ts";
import type { RingState } from "../ring/ring-state.ts";

/**
 * What a node that lost data has yet to get back. A partition is whole again once the node holds all that each co-owner
 * of it held at some time since this process began: a write that it had acknowledged is at W nodes, so that at least
 * one other owner or stand-in has it. Comparisons count from the start of the process, since what was lost was lost
 * before.
 */
export class PartitionsLeft {
  readonly #self: NodeId;
  /** For each partition the co-owners that it was compared with. */
  readonly #compared = new Map<number, Set<NodeId>>();

  constructor(self: NodeId) {
    this.#self = self;
  }

  compared(peer: NodeId, partitions: readonly number[]): void {
    for (const partition of partitions) {
      const peers = this.#compared.get(partition);
      if (peers === undefined) this.#compared.set(partition, new Set([peer]));
      else peers.add(peer);
    }
  }

  /** Of those that the node owns; undefined without a ring, when nobody can say. */
  count(ring: RingState): number | undefined {
    const current = ring.current();
    if (current === undefined) return undefined;
    let left = 0;
    for (let partition = 0; partition < current.parameters.partitions; partition++) {
      const { owners } = ring.preferenceList(partition);
      if (owners.includes(this.#self) && !this.#isWhole(partition, owners)) left += 1;
    }
    return left;
  }

  /** Those that some partition waits for. */
  peersLeft(ring: RingState): readonly NodeId[] {
    const current = ring.current();
    const peers = new Set<NodeId>();
    for (let partition = 0; partition < (current?.parameters.partitions ?? 0); partition++) {
      const { owners } = ring.preferenceList(partition);
      if (!owners.includes(this.#self)) continue;
      for (const owner of owners)
        if (owner !== this.#self && !this.#compared.get(partition)?.has(owner)) peers.add(owner);
    }
    return [...peers].sort();
  }

  #isWhole(partition: number, owners: readonly NodeId[]): boolean {
    const peers = this.#compared.get(partition);
    return owners.every((owner) => owner === this.#self || peers?.has(owner) === true);
  }
}
