import type { NodeId } from "../../../node/core/node-id.ts";
import type { Violation } from "../violation.ts";

/**
 * I8, as far as the ring is fixed: one document per epoch in the whole cluster, and no node ever goes back to an older
 * epoch, over all of its lives: what a ring store has acknowledged is there after a crash.
 */
export class RingLedger {
  readonly #digests = new Map<number, string>();
  readonly #epochs = new Map<NodeId, number>();
  /** Who has none since its ring store was lost. */
  readonly #lostBy = new Set<NodeId>();
  /** Who ever lost its ring store in this run. */
  readonly #everLostBy = new Set<NodeId>();

  /** The node's ring store is gone: what it serves next, a peer has told it. */
  lost(node: NodeId): void {
    this.#epochs.delete(node);
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
  installed(node: NodeId, epoch: number, digest: string): Omit<Violation, "atMs"> | undefined {
    this.#lostBy.delete(node);
    const before = this.#epochs.get(node) ?? 0;
    this.#epochs.set(node, Math.max(before, epoch));
    if (epoch < before)
      return { kind: "ring_regressed", detail: `${node.slice(-2)} went from epoch ${before} to ${epoch}` };
    const known = this.#digests.get(epoch);
    this.#digests.set(epoch, known ?? digest);
    if (known === undefined || known === digest) return undefined;
    return { kind: "ring_forked", detail: `epoch ${epoch} is ${known} and, at ${node.slice(-2)}, ${digest}` };
  }
}
