import type { NodeId } from "../node-id.ts";
import type { Quorum } from "./quorum.ts";

/**
 * Counts the votes of one read (Dynamo §4.5). What counts for R:
 *
 * - an owner's record or not-found;
 * - a stand-in's record, which it keeps for an owner;
 * - what else a non-owner says only once every owner believed healthy has answered, or is believed down meanwhile. A
 *   stand-in that never saw the key knows nothing: else two of them could outvote the owner that has it. Nor does an
 *   owner of before a ring change, which still has its copy and gets no writes any more. An owner that
 *   lives and cannot say (its window is full, its row damaged) keeps them from counting: "not now" is not "not found".
 *   So does one that voted with a digest whose record it then could not give.
 *
 * A corrupt row, a failure and silence are no votes, nor is anything that a recovering node says: it lost data, and may
 * lack what it once acknowledged. What it does show is shown all the same; where it has nothing, and nobody else has
 * anything either, the answer is unknown. Pure: who is asked next is the flow's business.
 */
export class ReadTally {
  readonly #quorum: Pick<Quorum, "r" | "pr">;
  readonly #owners: ReadonlySet<NodeId>;
  readonly #healthyOwners: Set<NodeId>;
  readonly #waiting = new Set<NodeId>();
  readonly #votes = new Map<NodeId, Vote>();
  /** What recovering nodes have: part of the answer, no part of R. */
  readonly #extras = new Map<NodeId, FoundVote>();
  /** Recovering nodes that have nothing of the key, any more or ever. */
  readonly #forgetful = new Set<NodeId>();

  constructor(
    quorum: Pick<Quorum, "r" | "pr">,
    { owners, healthyOwners }: { owners: Iterable<NodeId>; healthyOwners: Iterable<NodeId> },
  ) {
    this.#quorum = quorum;
    this.#owners = new Set(owners);
    this.#healthyOwners = new Set(healthyOwners);
  }

  asked(node: NodeId): void {
    this.#waiting.add(node);
  }

  voted(node: NodeId, vote: Vote): void {
    this.#waiting.delete(node);
    this.#votes.set(node, vote);
  }

  /** A recovering node's answer; `found` where it has something. */
  shown(node: NodeId, found: FoundVote | undefined): void {
    this.lost(node);
    if (found === undefined) this.#forgetful.add(node);
    else this.#extras.set(node, found);
  }

  /** Owners that nobody waits for any more, because they are believed down meanwhile; an answer still counts. */
  giveUpOnOwnersUnless(isHealthy: (node: NodeId) => boolean): void {
    for (const owner of this.#healthyOwners) if (!isHealthy(owner)) this.#healthyOwners.delete(owner);
  }

  /** No answer, a failure, a corrupt row; also a vote that turned out to have nothing behind it. */
  lost(node: NodeId): void {
    this.#waiting.delete(node);
    this.#votes.delete(node);
    this.#extras.delete(node);
  }

  get reached(): boolean {
    let counted = 0;
    let ownerVotes = 0;
    let ignorant = 0;
    for (const [node, vote] of this.#votes) {
      const isOwner = this.#owners.has(node);
      if (isOwner) ownerVotes += 1;
      if (isOwner || isHint(vote)) counted += 1;
      else ignorant += 1;
    }
    if (counted < this.#quorum.r && ignorant > 0 && this.#allOwnersHeard()) counted += ignorant;
    return counted >= this.#quorum.r && ownerVotes >= this.#quorum.pr;
  }

  get ownersAnswered(): number {
    let count = 0;
    for (const node of this.#votes.keys()) if (this.#owners.has(node)) count += 1;
    return count;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get votes(): ReadonlyMap<NodeId, Vote> {
    return this.#votes;
  }

  /** Every copy that was shown, by a voter or not. */
  forEachFound(visit: (node: NodeId, found: FoundVote) => void): void {
    for (const [node, vote] of this.#votes) if (vote.kind === "found") visit(node, vote);
    for (const [node, found] of this.#extras) visit(node, found);
  }

  /** Whether every healthy owner has said what it has; a forgetful one is made up for by whoever has something. */
  #allOwnersHeard(): boolean {
    for (const owner of this.#healthyOwners) {
      if (this.#votes.has(owner) || this.#extras.has(owner)) continue;
      if (!this.#forgetful.has(owner) || !this.#somethingIsFound()) return false;
    }
    return true;
  }

  #somethingIsFound(): boolean {
    if (this.#extras.size > 0) return true;
    for (const vote of this.#votes.values()) if (vote.kind === "found") return true;
    return false;
  }
}

function isHint(vote: Vote): boolean {
  return vote.kind === "found" && vote.keptFor.length > 0;
}

export interface FoundVote {
  readonly kind: "found";
  readonly digest: Uint8Array;
  /** Undefined where the voter was asked for its digest only. */
  readonly record: Uint8Array | undefined;
  /** The owners that a stand-in keeps its copy for; empty at an owner, and at one of before a ring change. */
  readonly keptFor: readonly NodeId[];
}

export type Vote = FoundVote | { readonly kind: "not_found" };
