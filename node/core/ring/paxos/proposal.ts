import type { NodeId } from "../../node-id.ts";
import { remembersPromises, votersOf } from "../change/elastic-ring.ts";
import type { NumberedRing } from "../ring-number.ts";
import { type Ballots, takeBallot } from "./acceptor.ts";
import { type Ballot, compareBallots, higherBallot } from "./ballot.ts";
import {
  type Acceptance,
  type Base,
  baseOf,
  type PaxosAnswer,
  type PaxosMessage,
  sameBase,
} from "./paxos-messages.ts";

/**
 * One node's attempt to have a next epoch decided: a ballot is prepared with all voters; once a majority has promised,
 * they are asked to accept the value of the highest ballot that any of them has voted for, else the value wanted; once a
 * majority has, that value is decided. A majority that promises meets every majority that may have decided, so whatever
 * was decided before is the value found. Then the proposer finishes it, and the one who asked gets it in place of its own.
 *
 * A proposer that fails leaves nothing that another, or it itself, could not finish. Two that overtake each other in turns
 * settle by waiting: before a further attempt whoever drives this waits some random time.
 */
export class Proposal {
  /** The ring whose next epoch it is. */
  readonly served: NumberedRing;
  readonly #self: NodeId;
  readonly #base: Base;
  readonly #wanted: NumberedRing;
  readonly #voters: readonly NodeId[];
  #ballot: Ballot | undefined;
  #seen: Ballot | undefined;
  /** Undefined while preparing. */
  #value: NumberedRing | undefined;
  readonly #promises = new Map<NodeId, Acceptance | undefined>();
  readonly #acceptedBy = new Set<NodeId>();
  readonly #abstained = new Map<NodeId, string>();
  #decided: NumberedRing | undefined;
  #attempts = 0;
  #wasOffered = false;

  /** `wanted`: a next epoch of the ring served (change-steps.ts). */
  constructor({ self, served, wanted }: { self: NodeId; served: NumberedRing; wanted: NumberedRing }) {
    this.#self = self;
    this.served = served;
    this.#base = baseOf(served);
    this.#wanted = wanted;
    this.#voters = votersOf(served.ring).map(({ id }) => id);
  }

  /**
   * Begins a ballot above all that this node has seen; also the way to go on after silence or an overtaking. `next` is to be saved
   * before `message` is sent to `voters`. Undefined once decided, after ATTEMPTS_MAX, where the ring has gone on, and for a node that has
   * lost its ring store, or is no member: it may have used this ballot before, for another value. Then another member has to propose.
   */
  attempt(ballots: Ballots): { readonly next: Ballots; readonly message: PaxosMessage } | undefined {
    if (this.#decided !== undefined || this.#attempts >= ATTEMPTS_MAX) return undefined;
    if (!sameBase(baseOf(ballots.served), this.#base)) return undefined;
    if (!remembersPromises(ballots.served.ring, this.#self, ballots.store)) return undefined;
    this.#attempts++;
    const { next, ballot } = takeBallot(ballots, this.#seen, this.#self);
    this.#ballot = ballot;
    this.#value = undefined;
    this.#promises.clear();
    this.#acceptedBy.clear();
    this.#abstained.clear();
    return { next, message: { kind: "prepare", base: this.#base, ballot } };
  }

  /** Takes one voter's answer in; the message to send to all `voters`, where the answer makes one due. */
  answered(from: NodeId, answer: PaxosAnswer): PaxosMessage | undefined {
    if (this.#decided !== undefined) return undefined;
    if (answer.kind === "decided") {
      if (isAfter(answer.ring, this.#base)) this.#decided = answer.ring;
      return undefined;
    }
    if (answer.kind === "overtaken") this.#seen = higherBallot(this.#seen, answer.promised);
    const ballot = this.#ballot;
    if (ballot === undefined || !this.#voters.includes(from) || !sameBase(answer.base, this.#base))
      return undefined;
    if (compareBallots(answer.ballot, ballot) !== 0) return undefined;
    switch (answer.kind) {
      case "promised":
        this.#promises.set(from, answer.accepted);
        if (this.#value !== undefined || this.#promises.size < this.majority) return undefined;
        this.#value = this.#valueFound() ?? this.#wanted;
        this.#wasOffered ||= this.#value.digest === this.#wanted.digest;
        return { kind: "accept", base: this.#base, ballot, value: this.#value };
      case "accepted":
        this.#acceptedBy.add(from);
        if (this.#acceptedBy.size >= this.majority) this.#decided = this.#value;
        return undefined;
      case "abstained":
        this.#abstained.set(from, answer.reason);
        return undefined;
      case "overtaken":
        return undefined;
    }
  }

  /** Everybody who is asked, this node itself among them where it votes. */
  get voters(): readonly NodeId[] {
    return this.#voters;
  }

  get majority(): number {
    return Math.floor(this.#voters.length / 2) + 1;
  }

  /** The next epoch once it is decided, or a later ring that a voter serves. To be saved and served, then told to all members. */
  get decided(): NumberedRing | undefined {
    return this.#decided;
  }

  /** Whether what is decided is what this node proposed; if not, whoever asked for it gets 409 with the ring. */
  get won(): boolean {
    return this.#decided?.digest === this.#wanted.digest;
  }

  /**
   * Whether anybody was asked to vote for what this node proposed: if not, nobody can find it, and it is never decided
   * on account of this proposal.
   */
  get wasOffered(): boolean {
    return this.#wasOffered;
  }

  /** Why voters abstained from the current ballot, for whoever waits for it. */
  get abstained(): ReadonlyMap<NodeId, string> {
    return this.#abstained;
  }

  /** Of all votes that the promises told of, the one with the highest ballot. */
  #valueFound(): NumberedRing | undefined {
    let highest: Acceptance | undefined;
    for (const accepted of this.#promises.values()) {
      if (accepted === undefined) continue;
      if (highest === undefined || compareBallots(accepted.ballot, highest.ballot) > 0) highest = accepted;
    }
    return highest?.value;
  }
}

/** Ballots of one proposal. More mean that others overtake it again and again, or that no majority answers. */
export const ATTEMPTS_MAX = 16;

function isAfter({ ring }: NumberedRing, base: Base): boolean {
  return (
    ring.generation > base.generation || (ring.generation === base.generation && ring.epoch > base.epoch)
  );
}
