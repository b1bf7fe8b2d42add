import type { NodeId } from "../node-id.ts";
import type { Quorum } from "./quorum.ts";

/**
 * Counts durable acknowledgements of one write (Dynamo §4.5; after Riak's put core). A pure tally: it knows who was
 * asked and who answered, never how. Stand-ins count for W, not for PW.
 *
 * W counts owners whose copy is durable, at themselves or at a stand-in: an owner and its stand-in that both
 * acknowledge are one. Their two copies become one when the hint is handed over, and W copies must be left then.
 *
 * While a change moves copies there are two sets of owners, and the write needs W and PW in each (ring/change/change-routes.ts). A set that is
 * smaller than W, as in a cluster that grows from fewer members than N, needs all of its owners.
 */
export class WriteTally {
  readonly #quorum: Pick<Quorum, "w" | "pw">;
  readonly #sets: readonly OwnerSet[];
  readonly #waiting = new Set<NodeId>();
  readonly #acked = new Set<NodeId>();
  readonly #covered = new Set<NodeId>();

  constructor(quorum: Pick<Quorum, "w" | "pw">, ownerSets: readonly (readonly NodeId[])[]) {
    this.#quorum = quorum;
    this.#sets = ownerSets.map((owners) => ({ owners, covered: 0, acked: 0 }));
  }

  asked(node: NodeId): void {
    this.#waiting.add(node);
  }

  /** The node has the record on stable storage, as its own or for `owner`. */
  acked(node: NodeId, owner = node): void {
    this.#waiting.delete(node);
    if (this.#acked.has(node)) return;
    this.#acked.add(node);
    const isFirst = !this.#covered.has(owner);
    if (isFirst) this.#covered.add(owner);
    for (const set of this.#sets) {
      if (isFirst && set.owners.includes(owner)) set.covered += 1;
      if (set.owners.includes(node)) set.acked += 1;
    }
  }

  /** The node refused or was lost; whether it keeps the record is unknown. */
  failed(node: NodeId): void {
    this.#waiting.delete(node);
  }

  get reached(): boolean {
    const { w, pw } = this.#quorum;
    for (const { owners, covered, acked } of this.#sets)
      if (covered < Math.min(w, owners.length) || acked < Math.min(pw, owners.length)) return false;
    return true;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  isWaitingFor(node: NodeId): boolean {
    return this.#waiting.has(node);
  }

  hasAcked(node: NodeId): boolean {
    return this.#acked.has(node);
  }

  /** Whether the owner's copy is durable, at itself or at a stand-in. */
  isCovered(owner: NodeId): boolean {
    return this.#covered.has(owner);
  }

  /** Asked and silent, in the order they were asked. */
  get waiting(): readonly NodeId[] {
    return [...this.#waiting];
  }

  /** Copies that count for W; of two sets of owners in the one that has fewer. */
  get ackedCount(): number {
    return Math.min(...this.#sets.map(({ covered }) => covered));
  }

  /** Owners that count for PW, likewise. */
  get ackedOwnerCount(): number {
    return Math.min(...this.#sets.map(({ acked }) => acked));
  }
}

interface OwnerSet {
  readonly owners: readonly NodeId[];
  covered: number;
  acked: number;
}
