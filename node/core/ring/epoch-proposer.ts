import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { Digester } from "../ports/hash.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import { type Step, type StepRefusalCode, takeStep } from "./change/change-steps.ts";
import type { Refusal, ServingRing } from "./kept-ring.ts";
import { paxosFromControl, paxosToControl } from "./paxos/paxos-codec.ts";
import type { PaxosAnswer, PaxosMessage } from "./paxos/paxos-messages.ts";
import { Proposal } from "./paxos/proposal.ts";
import { RingInvalid } from "./ring-check.ts";
import { ringDigest } from "./ring-document.ts";
import type { Answer } from "./ring-messages.ts";
import type { NumberedRing } from "./ring-number.ts";
import type { RingVotes } from "./ring-votes.ts";

/**
 * Has a next epoch decided (paxos/proposal.ts says by which rules): sends ballots to those that decide, waits between
 * two of them, takes the decided ring over and tells it to everybody it concerns. Who misses that learns it by gossip.
 */
export interface EpochProposerParts {
  readonly self: NodeId;
  readonly calls: ControlCalls;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly hash: Digester;
  readonly votes: RingVotes;
  readonly observer: Observer;
  /** The ring that this node serves. */
  readonly serving: () => ServingRing | undefined;
  /** Takes a decided ring over, durably. */
  readonly serve: (ring: NumberedRing, from: NodeId) => Promise<Answer>;
}

export type Decision =
  /** The step that was proposed. */
  | { readonly kind: "decided"; readonly ring: NumberedRing }
  /** Another ring, which is what is served now: whoever asked decides anew on that. */
  | { readonly kind: "overtaken"; readonly ring: NumberedRing }
  /** No step of this kind leads on from the ring that is served; nothing was proposed. */
  | { readonly kind: "no_step"; readonly code: StepRefusalCode; readonly message: string }
  /** This node cannot propose now; nothing was proposed. */
  | { readonly kind: "unable"; readonly message: string }
  /** No majority decided in time. `mayFollow`: some were asked to vote for it, so that a later proposal may still finish it. */
  | { readonly kind: "undecided"; readonly message: string; readonly mayFollow: boolean };

type Begun = Exclude<Decision, { kind: "no_step" }>;

const ANSWER_TIMEOUT_MS = 1_000;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 500;
export const PROPOSAL_TIMEOUT_MS = 10_000;

export class EpochProposer {
  readonly #parts: EpochProposerParts;

  constructor(parts: EpochProposerParts) {
    this.#parts = parts;
  }

  /** Never rejects. Takes at most little more than `timeoutMs` and one ballot. */
  async propose(step: Step, timeoutMs = PROPOSAL_TIMEOUT_MS): Promise<Decision> {
    const { self, hash, serving } = this.#parts;
    const served = serving();
    if (served === undefined) return { kind: "unable", message: `node ${self} serves no ring` };
    const taken = takeStep(served.ring, step);
    if (!taken.ok) return { kind: "no_step", code: taken.code, message: taken.message };
    const wanted = { ring: taken.ring, digest: ringDigest(taken.ring, hash) };
    const { clock, observer } = this.#parts;
    const startedMs = clock.monotonicMs();
    const changeId = "changeId" in step ? step.changeId : "";
    const told = { step: step.kind, changeId, epoch: taken.ring.epoch };
    observer.event({ kind: "epoch_proposed", ...told });
    const { decision, ballots } = await this.#decide(
      new Proposal({ self, served, wanted }),
      wanted,
      timeoutMs,
    );
    const message = "message" in decision ? decision.message : "";
    const durationMs = clock.monotonicMs() - startedMs;
    const ended = { outcome: decision.kind, ballots, message, durationMs };
    observer.event({ kind: "epoch_proposal_ended", ...told, ...ended });
    return decision;
  }

  async #decide(
    proposal: Proposal,
    wanted: NumberedRing,
    timeoutMs: number,
  ): Promise<{ readonly decision: Begun; readonly ballots: number }> {
    const { clock, votes } = this.#parts;
    const untilMs = clock.monotonicMs() + timeoutMs;
    let ballots = 0;
    let failure: Refusal | undefined;
    for (
      let pauseMs = PAUSE_MS_MIN;
      clock.monotonicMs() < untilMs;
      pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)
    ) {
      const first = await votes.attempt(proposal);
      failure = first !== undefined && isRefusal(first) ? first : undefined;
      if (first === undefined || isRefusal(first)) break;
      ballots++;
      await this.#runBallot(proposal, first);
      if (proposal.decided !== undefined) break;
      await this.#pause(pauseMs);
    }
    return { decision: await this.#outcome(proposal, wanted, { ballots, failure }), ballots };
  }

  async #outcome(
    proposal: Proposal,
    wanted: NumberedRing,
    { ballots, failure }: { ballots: number; failure: Refusal | undefined },
  ): Promise<Begun> {
    const { self, serve, serving } = this.#parts;
    const { decided } = proposal;
    if (decided !== undefined) {
      // What this node cannot save now it learns again from those that can: it is decided all the same.
      await serve(decided, self);
      this.#tell(decided, proposal.served);
      return { kind: proposal.won ? "decided" : "overtaken", ring: decided };
    }
    const now = serving();
    if (now !== undefined && now.ring.epoch >= wanted.ring.epoch)
      return { kind: now.digest === wanted.digest ? "decided" : "overtaken", ring: now };
    if (ballots > 0) {
      const message = this.#standstill(proposal, wanted);
      return { kind: "undecided", message, mayFollow: proposal.wasOffered };
    }
    const newStore = `node ${self} has a new ring store and can propose nothing before an epoch lists it: ask another member`;
    return { kind: "unable", message: failure?.message ?? newStore };
  }

  #standstill({ voters, majority, abstained }: Proposal, { ring }: NumberedRing): string {
    const reasons = [...abstained.values()].slice(0, REASONS_MAX).map((reason) => `; ${reason}`);
    return (
      `epoch ${ring.epoch} was not decided: ${majority} of the ${voters.length} members that decide have to answer, see that ` +
      `they run and reach each other, then ask again${reasons.join("")}`
    );
  }

  /** Resolves once the ballot has decided, or everybody who was asked has answered or been silent for too long. */
  #runBallot(proposal: Proposal, first: PaxosMessage): Promise<void> {
    return new Promise((resolve) => {
      let open = 0;
      const tell = (message: PaxosMessage): void => {
        open += proposal.voters.length;
        for (const voter of proposal.voters)
          void this.#ask(voter, message).then((answer) => heard(voter, answer));
      };
      const heard = (voter: NodeId, answer: PaxosAnswer | undefined): void => {
        const next = answer && proposal.answered(voter, answer);
        if (next !== undefined) tell(next);
        open--;
        if (open === 0 || proposal.decided !== undefined) resolve();
      };
      tell(first);
    });
  }

  async #ask(voter: NodeId, message: PaxosMessage): Promise<PaxosAnswer | undefined> {
    const { self, calls, hash, votes } = this.#parts;
    if (voter === self) {
      const vote = isQuestion(message) ? await votes.vote(message) : undefined;
      return vote === undefined || isRefusal(vote) ? undefined : vote;
    }
    const answer = await calls.call(voter, paxosToControl(message), ANSWER_TIMEOUT_MS);
    return answer && answerOf(answer, hash);
  }

  /** Those before and after: who joins is to begin, who leaves is to stop. */
  #tell(decided: NumberedRing, { ring: before }: NumberedRing): void {
    const { self, calls } = this.#parts;
    const message = paxosToControl({ kind: "decided", ring: decided });
    for (const id of new Set([...decided.ring.members, ...before.members].map((member) => member.id)))
      if (id !== self) void calls.call(id, message, ANSWER_TIMEOUT_MS);
  }

  #pause(pauseMs: number): Promise<void> {
    const { timers, random } = this.#parts;
    return new Promise((resolve) => timers.after(PAUSE_MS_MIN + random.below(pauseMs), () => resolve()));
  }
}

/** Of those that abstained. */
const REASONS_MAX = 3;

/** Undefined for anything that is no answer to a ballot; who is older, or serves no ring, answers such. */
function answerOf(message: ControlMessage, hash: Digester): PaxosAnswer | undefined {
  try {
    const answer = paxosFromControl(message, hash);
    return answer === undefined || isQuestion(answer) ? undefined : answer;
  } catch (error) {
    if (error instanceof RingInvalid) return undefined;
    throw error;
  }
}

function isQuestion(message: PaxosMessage): message is Extract<PaxosMessage, { kind: "prepare" | "accept" }> {
  return message.kind === "prepare" || message.kind === "accept";
}

function isRefusal(value: PaxosMessage | Refusal): value is Refusal {
  return value.kind === "refused";
}
