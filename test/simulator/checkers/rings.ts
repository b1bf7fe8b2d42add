import type { NodeId } from "../../../node/core/node-id.ts";
import { compareRings, type RingNumber } from "../../../node/core/ring/ring-number.ts";
import type { Violation } from "../violation.ts";

/**
 * I8: one document per epoch and generation in the whole cluster, and no node ever goes back to an older
 * one, over all of its lives: what a ring store has acknowledged is there after a crash.
 */
export class RingLedger {
  readonly #digests = new Map<string, string>();
  readonly #numbers = new Map<NodeId, RingNumber>();
  /** Who has none since its ring store was lost. */
  readonly #lostBy = new Set<NodeId>();
  /** Who ever lost its ring store in this run. */
  readonly #everLostBy = new Set<NodeId>();

  /** The node's ring store is gone: what it serves next, a peer has told it. */
  lost(node: NodeId): void {
    this.#numbers.delete(node);
    this.#lostBy.add(node);
    this.#everLostBy.add(node);
  }

  get wasLost(): boolean {
    return this.#everLostBy.size > 0;
  }

  everLost(node: NodeId): boolean {
    return this.#everLostBy.has(node);
  }

  /** Whether it has lost its ring, and none since. */
  hasLost(node: NodeId): boolean {
    return this.#lostBy.has(node);
  }

  /** A node serves this ring. Returns what is wrong with that. */
  installed(node: NodeId, ring: RingNumber, digest: string): Omit<Violation, "atMs"> | undefined {
    this.#lostBy.delete(node);
    const before = this.#numbers.get(node);
    if (before !== undefined && compareRings(ring, before) < 0)
      return {
        kind: "ring_regressed",
        detail: `${node.slice(-2)} went from ${nameOf(before)} to ${nameOf(ring)}`,
      };
    this.#numbers.set(node, { generation: ring.generation, epoch: ring.epoch });
    const known = this.#digests.get(nameOf(ring));
    this.#digests.set(nameOf(ring), known ?? digest);
    if (known === undefined || known === digest) return undefined;
    return {
      kind: "ring_forked",
      detail: `${nameOf(ring)} is ${known} and, at ${node.slice(-2)}, ${digest}`,
    };
  }
}

function nameOf({ generation, epoch }: RingNumber): string {
  return `epoch ${epoch} of generation ${generation}`;
}
