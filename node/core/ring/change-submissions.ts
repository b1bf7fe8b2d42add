import type { NodeId } from "../node-id.ts";
import { planChange } from "./change/change-plan.ts";
import { answerSubmission } from "./change/change-submission.ts";
import { departedOf } from "./change/departed.ts";
import type {
  ChangeOutcome,
  DecidedRing,
  RingChanges,
  SubmissionRefusalCode,
  SubmittedChange,
} from "./change/ring-changes.ts";
import type { Decision, EpochProposer } from "./epoch-proposer.ts";
import type { ServingRing } from "./kept-ring.ts";
import { compareRings, type NumberedRing } from "./ring-number.ts";
import { ELASTIC, type ReportedNode, type Reports } from "./ring-upkeep.ts";
import type { AdmittedMember, Ring } from "./ring.ts";

/** Begins and cancels changes of the ring for whoever asks this node: plans, then has the epoch decided. */
export interface ChangeSubmissionsParts {
  readonly serving: () => ServingRing | undefined;
  readonly isMember: () => boolean;
  readonly reported: Reports;
  readonly proposer: Pick<EpochProposer, "propose">;
}

export class ChangeSubmissions implements Pick<RingChanges, "submit" | "cancel"> {
  readonly #parts: ChangeSubmissionsParts;

  constructor(parts: ChangeSubmissionsParts) {
    this.#parts = parts;
  }

  async submit(change: SubmittedChange): Promise<ChangeOutcome> {
    const served = this.#parts.serving();
    if (served === undefined || !this.#parts.isMember()) return { kind: "no_ring" };
    const { ring } = served;
    const answer = answerSubmission(ring, change);
    if (answer.kind === "under_way") return { kind: "decided", decided: decidedOf(served) };
    if (answer.kind === "conflict")
      return refused(ring.change === null ? "epoch_passed" : "change_under_way", answer.message);
    const joining = this.#joining(change.joining, ring);
    if ("kind" in joining) return joining;
    const plan = planChange(ring, { ...change, joining });
    if (!plan.ok) return refused(plan.code, plan.message);
    const { changeId, type, leaving } = change;
    const { nextOwners } = plan;
    const step = { kind: "begin", changeId, type, joining, leaving, nextOwners } as const;
    return outcomeOf(await this.#parts.proposer.propose(step), changeId);
  }

  async cancel(changeId: string): Promise<ChangeOutcome> {
    if (!this.#parts.isMember()) return { kind: "no_ring" };
    return outcomeOf(await this.#parts.proposer.propose({ kind: "cancel", changeId }), changeId);
  }

  /** With what they say of themselves; the first that cannot join is refused. */
  #joining(
    ids: readonly NodeId[],
    ring: Ring,
  ):
    | readonly Pick<AdmittedMember, "id" | "zone" | "ringStore">[]
    | Extract<ChangeOutcome, { kind: "refused" }> {
    const joining: Pick<AdmittedMember, "id" | "zone" | "ringStore">[] = [];
    for (const id of ids) {
      const node = this.#parts.reported(id);
      if (node?.isHealthy !== true)
        return refused(
          "not_joinable",
          `node ${id} does not answer: see that it runs, and has a member as seed`,
        );
      const { zone, ringStore, features = [] } = node;
      if (!features.includes(ELASTIC))
        return refused("not_joinable", `node ${id} cannot read a ring that changes: upgrade it`);
      if (ringStore === undefined)
        return refused(
          "not_joinable",
          `node ${id} has not yet said which ring store it has: ask again in a moment; if that does not help it has accepted ` +
            `a first ring that was never formed: stop it, remove its ring file and start it again`,
        );
      const untold = mayBringBack(ring, id, node);
      if (untold !== undefined) return refused("not_joinable", untold);
      joining.push({ id, zone, ringStore });
    }
    return joining;
  }
}

/**
 * Why this node must not join yet: it may have copies from an earlier life, of which some were deleted and forgotten since.
 * One that the ring lists as departed was asked in every seal round, so that its copies are as good as any.
 */
function mayBringBack(ring: Ring, id: NodeId, node: ReportedNode): string | undefined {
  if (departedOf(ring).includes(id)) return undefined;
  const isOfNow = node.ring === undefined || compareRings(node.ring, ring) === 0;
  if (isOfNow && node.keepsCopies === false) return undefined;
  const isKnown = isOfNow && node.keepsCopies === true;
  // Without a ring nothing says that they are given up: it keeps them where they are.
  if (isKnown && node.ring === undefined)
    return (
      `node ${id} has copies from before and no ring, so that nobody knows whether they may come back: stop it, move data.db and ` +
      `hints.db with their logs out of its data directory, and start it again`
    );
  return isKnown
    ? `node ${id} has copies from before, which are given up: its log says what becomes of them; ask again once they are set aside`
    : `node ${id} has not yet said that it keeps no copies from before: ask again in a moment`;
}

function outcomeOf(decision: Decision, changeId: string): ChangeOutcome {
  switch (decision.kind) {
    case "decided":
      return { kind: "decided", decided: decidedOf(decision.ring) };
    case "overtaken": {
      const { epoch } = decision.ring.ring;
      return refused(
        "overtaken",
        `change ${changeId}: another proposal was decided, the ring is at epoch ${epoch}: look at it again`,
      );
    }
    case "no_step":
      return refused(decision.code, decision.message);
    case "unable":
      return { kind: "undecided", message: decision.message, mayFollow: false };
    case "undecided":
      return { kind: "undecided", message: decision.message, mayFollow: decision.mayFollow };
  }
}

export function decidedOf({ ring: { generation, epoch }, digest: hash }: NumberedRing): DecidedRing {
  return { generation, epoch, hash };
}

function refused(code: SubmissionRefusalCode, message: string): Extract<ChangeOutcome, { kind: "refused" }> {
  return { kind: "refused", code, message };
}
