import type { NodeId } from "../node-id.ts";
import type { Quorum } from "./quorum.ts";

/**
 * Counts durable acknowledgements of one write (Dynamo §4.5; after Riak's put core). A pure tally: it knows who was
 * asked and who answered, never how. Stand-ins count for W, not for PW.
 *
 * W counts owners whose copy is durable, at themselves or at a stand-in: an owner and its stand-in that both
 * acknowledge are one. Their two copies become one when the hint is handed over, and W copies must be left then.
 */
export class WriteTally {
  readonly #quorum: Pick<Quorum, "w" | "pw">;
  readonly #owners: ReadonlySet<NodeId>;
  readonly #waiting = new Set<NodeId>();
  readonly #acked = new Set<NodeId>();
  readonly #covered = new Set<NodeId>();
  #ackedOwners = 0;

  constructor(quorum: Pick<Quorum, "w" | "pw">, owners: Iterable<NodeId>) {
    this.#quorum = quorum;
    this.#owners = new Set(owners);
  }

  asked(node: NodeId): void {
    this.#waiting.add(node);
  }

  /** The node has the record on stable storage, as its own or for `owner`. */
  acked(node: NodeId, owner = node): void {
    this.#waiting.delete(node);
    if (this.#acked.has(node)) return;
    this.#acked.add(node);
    this.#covered.add(owner);
    if (this.#owners.has(node)) this.#ackedOwners += 1;
  }

  /** The node refused or was lost; whether it keeps the record is unknown. */
  failed(node: NodeId): void {
    this.#waiting.delete(node);
  }

  get reached(): boolean {
    return this.#covered.size >= this.#quorum.w && this.#ackedOwners >= this.#quorum.pw;
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

  /** Copies that count for W. */
  get ackedCount(): number {
    return this.#covered.size;
  }

  get ackedOwnerCount(): number {
    return this.#ackedOwners;
  }
}
