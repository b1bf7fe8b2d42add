import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlCalls } from "../ports/control-calls.ts";
import type { Digester } from "../ports/hash.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import type { Step } from "./change/change-steps.ts";
import type {
  ChangeOutcome,
  RecoveryAttempt,
  SubmittedChange,
  SubmittedRecovery,
} from "./change/ring-changes.ts";
import { ChangeSubmissions } from "./change-submissions.ts";
import { type Decision, EpochProposer } from "./epoch-proposer.ts";
import type { ServingRing } from "./kept-ring.ts";
import { RecoveryAgreement } from "./recovery-agreement.ts";
import type { RingKeeper } from "./ring-keeper.ts";
import { type ReportedNode, RingUpkeep } from "./ring-upkeep.ts";

/** Everything by which a node has a next epoch of its ring decided: its own upkeep, and what it is asked for. */
export interface RingGovernanceParts {
  readonly self: NodeId;
  readonly ring: RingKeeper;
  readonly membership: {
    /** What the node says of itself; undefined where nothing has been heard of it. */
    entry(id: NodeId): Omit<ReportedNode, "isHealthy" | "awayMs"> | undefined;
    isHealthy(id: NodeId): boolean;
    awayMs(id: NodeId): number;
  };
  readonly calls: ControlCalls;
  /** See ring-upkeep.ts. */
  readonly departedAwayMsMax: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly hash: Digester;
  readonly observer: Observer;
}

export class RingGovernance {
  readonly #upkeep: RingUpkeep;
  readonly #proposer: EpochProposer;
  readonly #submissions: ChangeSubmissions;
  readonly #agreement: RecoveryAgreement;

  constructor(parts: RingGovernanceParts) {
    const { ring, membership } = parts;
    const serving = (): ServingRing | undefined => {
      const kept = ring.kept();
      return kept.state === "serving" ? kept : undefined;
    };
    const reported = (id: NodeId): ReportedNode => {
      const entry = membership.entry(id) ?? { zone: "" };
      return { ...entry, isHealthy: membership.isHealthy(id), awayMs: membership.awayMs(id) };
    };
    const serve: RingKeeper["serve"] = (decided, from) => ring.serve(decided, from);
    this.#proposer = new EpochProposer({ ...parts, serving, serve, votes: ring.votes });
    const accept: RingKeeper["accept"] = (proposal) => ring.accept(proposal);
    this.#agreement = new RecoveryAgreement({ ...parts, serving, serve, accept, reported });
    this.#submissions = new ChangeSubmissions({
      serving,
      reported,
      isMember: () => ring.isMember(),
      proposer: this.#proposer,
    });
    this.#upkeep = new RingUpkeep({ ...parts, reported, propose: (step) => this.propose(step) });
  }

  /** From now on until the process ends. */
  start(): void {
    this.#upkeep.start();
  }

  /** Takes steps that are due and that nobody asked for, now. */
  keepUp(): Promise<void> {
    return this.#upkeep.look();
  }

  /** Has the step decided that leads on from the ring that this node serves. Never rejects. */
  propose(step: Step): Promise<Decision> {
    return this.#proposer.propose(step);
  }

  /** See change/ring-changes.ts. */
  submit(change: SubmittedChange): Promise<ChangeOutcome> {
    return this.#submissions.submit(change);
  }

  recover(recovery: SubmittedRecovery): Promise<RecoveryAttempt> {
    return this.#agreement.recover(recovery);
  }

  cancel(changeId: string): Promise<ChangeOutcome> {
    return this.#submissions.cancel(changeId);
  }
}
