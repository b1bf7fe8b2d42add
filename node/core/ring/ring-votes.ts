import type { NodeId } from "../node-id.ts";
import { type Refusal, serving } from "./kept-ring.ts";
import { answerBallot, type Ballots } from "./paxos/acceptor.ts";
import type { PaxosAnswer, PaxosMessage } from "./paxos/paxos-messages.ts";
import type { Proposal } from "./paxos/proposal.ts";
import type { StoredRing } from "./stored-ring.ts";

/** This node's part in deciding the next epoch: what follows from a vote is on its disk before anyone hears of it. */
export class RingVotes {
  readonly #self: NodeId;
  readonly #stored: StoredRing;

  constructor(self: NodeId, stored: StoredRing) {
    this.#self = self;
    this.#stored = stored;
  }

  /** Never rejects; a refusal is no vote. */
  vote(message: Extract<PaxosMessage, { kind: "prepare" | "accept" }>): Promise<PaxosAnswer | Refusal> {
    return this.#change((ballots) => {
      const { next, answer } = answerBallot(ballots, message, this.#self);
      return { next, value: answer };
    });
  }

  /** Begins a next ballot of this node's own; undefined where the proposal says that it cannot (paxos/proposal.ts `attempt`). */
  attempt(proposal: Proposal): Promise<PaxosMessage | undefined | Refusal> {
    return this.#change<PaxosMessage | undefined>((ballots) => {
      const begun = proposal.attempt(ballots);
      return { next: begun?.next ?? ballots, value: begun?.message };
    });
  }

  /** Saves what `change` makes of the votes, then gives its value out. */
  #change<T>(change: (ballots: Ballots) => { next: Ballots; value: T }): Promise<T | Refusal> {
    return this.#stored.oneByOne(async (): Promise<T | Refusal> => {
      const { kept } = this.#stored;
      if (kept.state !== "serving")
        return { kind: "refused", code: "invalid_request", message: `node ${this.#self} serves no ring` };
      const { next, value } = change(kept.ballots);
      const failure = next === kept.ballots ? undefined : await this.#stored.keep(serving(next));
      return failure ?? value;
    });
  }
}
