import type { NodeId } from "../../node-id.ts";
import { stepBetween } from "../change/change-steps.ts";
import { type OwnStore, remembersPromises, votersOf } from "../change/elastic-ring.ts";
import { compareRings, type NumberedRing } from "../ring-number.ts";
import { ballotAbove, type Ballot, compareBallots } from "./ballot.ts";
import { type Acceptance, baseOf, type PaxosAnswer, type PaxosMessage, sameBase } from "./paxos-messages.ts";

/**
 * A member's votes on the epoch after the ring that it serves (single-decree Paxos, Lamport 2001). All of this is one
 * value in the ring store. A changed one is on stable storage before anything that follows from it is sent: the answers
 * here, and the messages of proposal.ts. Who serves a later ring needs its votes on the former no more.
 *
 * Invariants: a promise is never taken back; a vote is for a ballot that is not below the promise; a member that may have
 * forgotten promises (its ring store was lost) abstains until a decided epoch lists its new store.
 */
export interface Ballots {
  /** The ring of epoch e that this node serves. */
  readonly served: NumberedRing;
  readonly store: OwnStore;
  /** On epoch e + 1: no ballot below this gets a vote. Also the highest that this node has used itself. */
  readonly promised: Ballot | undefined;
  readonly accepted: Acceptance | undefined;
  /** A ring of a higher generation that this node has accepted as a survivor (recovery-agreement.ts), and does not serve yet. */
  readonly recovery?: NumberedRing | undefined;
}

export interface Reaction {
  /** To be saved before the answer is sent, unless it is the very value that was given. */
  readonly next: Ballots;
  readonly answer: PaxosAnswer;
}

/** Answers a `prepare` or an `accept`. Asked twice, it answers twice the same, unless it has promised more meanwhile. */
export function answerBallot(
  ballots: Ballots,
  message: Extract<PaxosMessage, { kind: "prepare" | "accept" }>,
  self: NodeId,
): Reaction {
  const { served } = ballots;
  const { base, ballot } = message;
  const answered = (answer: PaxosAnswer): Reaction => ({ next: ballots, answer });
  if (compareRings(base, served.ring) < 0) return answered({ kind: "decided", ring: served });
  const reason = reasonToAbstain(ballots, message, self);
  if (reason !== undefined) return answered({ kind: "abstained", base, ballot, reason });
  const { promised, accepted } = ballots;
  if (promised !== undefined && compareBallots(ballot, promised) < 0)
    return answered({ kind: "overtaken", base, ballot, promised });
  if (message.kind === "prepare") {
    return { next: withPromise(ballots, ballot), answer: { kind: "promised", base, ballot, accepted } };
  }
  const next = { ...ballots, promised: ballot, accepted: { ballot, value: message.value } };
  return { next, answer: { kind: "accepted", base, ballot } };
}

function reasonToAbstain(
  { served, store }: Ballots,
  message: Extract<PaxosMessage, { kind: "prepare" | "accept" }>,
  self: NodeId,
): string | undefined {
  if (compareRings(message.base, served.ring) > 0)
    return `node ${self} is behind, at epoch ${served.ring.epoch} of generation ${served.ring.generation}`;
  if (!sameBase(message.base, baseOf(served)))
    return `node ${self} serves another ring of epoch ${served.ring.epoch}: ${served.digest}`;
  if (!votersOf(served.ring).some(({ id }) => id === self))
    return `node ${self} does not decide on the epoch after ${served.ring.epoch}`;
  if (!remembersPromises(served.ring, self, store))
    return `the ring store ${store.id} of node ${self} is new: an epoch has to admit it first`;
  if (message.kind === "accept" && stepBetween(served.ring, message.value.ring) === undefined)
    return `the proposed ring is no next epoch of epoch ${served.ring.epoch}`;
  return undefined;
}

/** The same value where the promise is there already, so that nothing is saved for a message that came twice. */
function withPromise(ballots: Ballots, ballot: Ballot): Ballots {
  const { promised } = ballots;
  return promised !== undefined && compareBallots(promised, ballot) === 0
    ? ballots
    : { ...ballots, promised: ballot };
}

/** Takes a ballot for a proposal of this node's own: by its own promise, which it cannot forget once it is saved. */
export function takeBallot(
  ballots: Ballots,
  seen: Ballot | undefined,
  self: NodeId,
): { next: Ballots; ballot: Ballot } {
  const { promised } = ballots;
  const highest =
    promised === undefined || (seen !== undefined && compareBallots(seen, promised) > 0) ? seen : promised;
  const ballot = ballotAbove(highest, self);
  return { next: withPromise(ballots, ballot), ballot };
}

/**
 * Serves a decided ring (rings that peers serve are). Undefined where it is not later than the one served: "same" number
 * with another digest is a fork, which ring-keeper.ts reports.
 */
export function serveDecided(ballots: Ballots, ring: NumberedRing): Ballots | undefined {
  if (compareRings(ring.ring, ballots.served.ring) <= 0) return undefined;
  const { store, recovery } = ballots;
  const isOpen = recovery !== undefined && compareRings(recovery.ring, ring.ring) > 0;
  const votes = { promised: undefined, accepted: undefined };
  return { served: ring, store, ...votes, ...(isOpen && { recovery }) };
}
