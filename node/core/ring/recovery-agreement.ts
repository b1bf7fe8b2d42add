import type { NodeId } from "../node-id.ts";
import type { ControlCalls } from "../ports/control-calls.ts";
import type { Digester } from "../ports/hash.ts";
import { decidedOf } from "./change-submissions.ts";
import { recoveredRing, type Survivor } from "./change/recovered-ring.ts";
import type { RecoveryAttempt, SubmittedRecovery } from "./change/ring-changes.ts";
import type { Refusal, ServingRing } from "./kept-ring.ts";
import { ringDigest } from "./ring-document.ts";
import { type Answer, commitMessage, parseAnswer, proposeMessage } from "./ring-messages.ts";
import type { NumberedRing } from "./ring-number.ts";
import type { Reports } from "./ring-upkeep.ts";
import type { ElasticRing } from "./ring.ts";

/**
 * How the survivors of a lost majority agree on the ring with which they go on: as on a first ring, each accepts it on its
 * disk, then it is served. Repeated after a crash, the same request goes on with the ring that this node has accepted.
 */
export interface RecoveryAgreementParts {
  readonly self: NodeId;
  readonly calls: ControlCalls;
  readonly hash: Digester;
  readonly reported: Reports;
  readonly serving: () => ServingRing | undefined;
  readonly accept: (proposal: NumberedRing) => Promise<Answer>;
  readonly serve: (ring: NumberedRing, from: NodeId) => Promise<Answer>;
}

const PHASE_TIMEOUT_MS = 2_500;
/** Each attempt that was given up midway, by another set of survivors, may have left a node with one generation more. */
const GENERATIONS_TRIED_MAX = 8;

export class RecoveryAgreement {
  readonly #parts: RecoveryAgreementParts;

  constructor(parts: RecoveryAgreementParts) {
    this.#parts = parts;
  }

  /** Never rejects; takes at most little more than 20 s. */
  async recover({ survivors, generation, epoch }: SubmittedRecovery): Promise<RecoveryAttempt> {
    const served = this.#parts.serving();
    if (served === undefined) return { kind: "no_ring" };
    const { ring } = served;
    // Agreed on already: whoever was not told of it is told now.
    if (ring.generation > generation && isRingOf(ring.members, survivors)) return this.#announce(served);
    if (ring.generation !== generation || ring.epoch !== epoch) {
      const asked = `asked for at epoch ${epoch} of generation ${generation}`;
      const message = `recovery was ${asked}, the ring is at epoch ${ring.epoch} of generation ${ring.generation}: look at it again`;
      return { kind: "refused", code: "epoch_passed", message };
    }
    const stores = this.#storesOf(survivors);
    if ("kind" in stores) return stores;
    const outcome = recoveredRing(ring, stores);
    if (!outcome.ok) return { kind: "refused", code: outcome.code, message: outcome.message };
    return this.#agree(served, outcome.ring);
  }

  /** Proposes one generation after another until none of the survivors has accepted one that is as high. */
  async #agree({ ballots: { recovery } }: ServingRing, recovered: ElasticRing): Promise<RecoveryAttempt> {
    const accepted = recovery?.ring;
    const from = Math.max(recovered.generation, (accepted?.generation ?? 0) + 1);
    const again = accepted && { ...recovered, generation: accepted.generation };
    const first =
      again !== undefined && this.#numbered(again).digest === recovery?.digest ? again.generation : from;
    let message = "";
    for (let generation = first; generation < first + GENERATIONS_TRIED_MAX; generation++) {
      const proposal = this.#numbered({ ...recovered, generation });
      const refusal = await this.#propose(proposal);
      if (refusal === undefined) return this.#announce(proposal);
      message = refusal.message;
      if (refusal.code !== "proposal_conflict") break;
    }
    return { kind: "undecided", message };
  }

  /** Undefined once every survivor, this node among them, has it on its disk. */
  async #propose(proposal: NumberedRing): Promise<Pick<Refusal, "code" | "message"> | undefined> {
    const own = await this.#parts.accept(proposal);
    if (own.kind === "refused") return own;
    const answers = await this.#askOthers(proposal, proposeMessage(proposal));
    const refused = answers.find(([, answer]) => answer.kind === "refused");
    if (refused?.[1].kind === "refused") return refused[1];
    const silent = answers.find(([, answer]) => answer.kind === "silent");
    if (silent === undefined) return undefined;
    const message = `node ${silent[0]} did not answer: see that it runs, then send the same again; or leave it out`;
    return { code: "busy", message };
  }

  async #announce(proposal: NumberedRing): Promise<RecoveryAttempt> {
    const own = await this.#parts.serve(proposal, this.#parts.self);
    // Who misses it learns it by gossip, as any later ring.
    await this.#askOthers(proposal, commitMessage(proposal));
    if (own.kind === "refused") return { kind: "undecided", message: own.message };
    return { kind: "recovered", decided: decidedOf(proposal) };
  }

  #askOthers(
    { ring, digest }: NumberedRing,
    message: ReturnType<typeof proposeMessage>,
  ): Promise<(readonly [NodeId, Answer])[]> {
    const { self, calls } = this.#parts;
    const others = ring.members.map(({ id }) => id).filter((id) => id !== self);
    return Promise.all(
      others.map(async (id) => {
        const answer = await calls.call(id, message, PHASE_TIMEOUT_MS);
        return [id, parseAnswer(answer, digest)] as const;
      }),
    );
  }

  #storesOf(survivors: readonly NodeId[]): Survivor[] | Extract<RecoveryAttempt, { kind: "unreachable" }> {
    const stores: Survivor[] = [];
    for (const id of survivors) {
      const node = this.#parts.reported(id);
      if (node?.isHealthy !== true || node.ringStore === undefined) {
        const message = `node ${id} does not answer, or has not said which ring store it has: see that it runs, or leave it out`;
        return { kind: "unreachable", message };
      }
      stores.push({ id, ringStore: node.ringStore });
    }
    return stores;
  }

  #numbered(ring: ElasticRing): NumberedRing {
    return { ring, digest: ringDigest(ring, this.#parts.hash) };
  }
}

function isRingOf(members: readonly { readonly id: NodeId }[], survivors: readonly NodeId[]): boolean {
  const named = new Set(survivors);
  return members.length === named.size && members.every(({ id }) => named.has(id));
}
