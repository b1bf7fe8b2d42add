import type { NodeId } from "../node-id.ts";
import { type KeepersRing, keepersOf } from "../ring/keepers.ts";

/**
 * What a node that lost data has yet to get back. A partition is whole again once the node holds all that each co-owner
 * of it held at some time since this process began: a write that it had acknowledged is at W nodes, so that at least
 * one other owner or stand-in has it. Comparisons count from the start of the process, since what was lost was lost
 * before.
 *
 * What a change has yet to bring is left until the node owns it: the flip may rest on what it said before it lost its data.
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

  /** Of those that the node owns, or is to own after the flip; undefined without a ring, when nobody can say. */
  count(ring: KeepersRing): number | undefined {
    const current = ring.current();
    if (current === undefined) return undefined;
    let left = 0;
    for (let partition = 0; partition < current.parameters.partitions; partition++) {
      const { owners } = ring.preferenceList(partition);
      const isOwner = owners.includes(this.#self);
      if (isOwner ? !this.#isWhole(partition, owners) : this.#isGaining(partition, ring)) left += 1;
    }
    return left;
  }

  /** Those that some partition waits for. */
  peersLeft(ring: KeepersRing): readonly NodeId[] {
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

  #isGaining(partition: number, ring: KeepersRing): boolean {
    return ring.current()?.change?.phase === "transfer" && keepersOf(ring, partition).includes(this.#self);
  }

  #isWhole(partition: number, owners: readonly NodeId[]): boolean {
    const peers = this.#compared.get(partition);
    return owners.every((owner) => owner === this.#self || peers?.has(owner) === true);
  }
}
