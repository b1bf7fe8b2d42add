import type { NodeId } from "../node-id.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { Digester } from "../ports/hash.ts";
import type { PeerDirectory } from "../ports/peer-directory.ts";
import { conflictMessage, type KeptRing, type Refusal, sameParameters } from "./kept-ring.ts";
import { RingInvalid } from "./ring-check.ts";
import { type Formation, formedRing, ringDigest } from "./ring-document.ts";
import {
  type Answer,
  commitMessage,
  parseAnswer,
  parseState,
  type PeerRing,
  proposeMessage,
  stateMessage,
} from "./ring-messages.ts";
import { describe, type NumberedRing } from "./ring-number.ts";
import type { Ring } from "./ring.ts";

/**
 * How a cluster gets its first ring. One node, asked by a person or the operator, proposes it: (1) every listed
 * member and every other peer it can reach says that it has no ring; (2) every member accepts the proposal on disk;
 * (3) the others are asked again, so that of two proposals at once with no member in common at least one sees the other; (4) the
 * members are told that all accepted, and serve. Whoever misses (4) learns it from the next peer it meets.
 *
 * The proposal is a pure function of the request, so after a crash at any point the same request, sent to any
 * member, goes on where the last one stopped; where the ring is there and was raised since, it is answered with that one. Safety rests on (2) alone for rings that share a member: a node
 * accepts one proposal, ever (kept-ring.ts), and nobody serves before all have accepted.
 */
export type FormOutcome =
  | {
      readonly ok: true;
      readonly ring: Ring;
      readonly digest: string;
      /** Members that accepted but have not confirmed that they serve: they will learn it from their peers. */
      readonly unconfirmed: readonly NodeId[];
    }
  | FormRefusal;

export interface FormRefusal {
  readonly ok: false;
  /** `member_unreachable`, `storage_failed` and `busy` are worth repeating as they are. */
  readonly code: Refusal["code"] | "member_unreachable";
  readonly message: string;
  /** The node that stands in the way, where it is one. */
  readonly member: NodeId | undefined;
}

/** The proposer's own share, which the keeper of its ring does, and its means to reach the others. */
export interface Proposer {
  readonly self: NodeId;
  readonly calls: ControlCalls;
  readonly directory: Pick<PeerDirectory, "peers">;
  readonly hash: Digester;
  kept(): KeptRing;
  /** Whether this node would accept; saves nothing. */
  wouldAccept(proposal: NumberedRing): Answer;
  accept(proposal: NumberedRing): Promise<Answer>;
  commit(ring: NumberedRing): Promise<Answer>;
}

/** Takes at most `timeoutMs`, and nothing is half done by it that the same request does not complete. */
export async function formRing(
  proposer: Proposer,
  request: Formation,
  timeoutMs: number,
): Promise<FormOutcome> {
  let ring: Ring;
  try {
    ring = formedRing(request);
  } catch (error) {
    if (error instanceof RingInvalid)
      return { ok: false, code: "invalid_request", message: error.message, member: undefined };
    throw error;
  }
  const round = new FormationRound(
    proposer,
    { ring, digest: ringDigest(ring, proposer.hash) },
    Math.floor(timeoutMs / 4),
  );
  const kept = proposer.kept();
  if (kept.state !== "serving") return (await round.reachAgreement()) ?? round.announce();
  if (kept.digest === round.proposal.digest) return round.announce();
  if (cameOf(kept.ring, ring)) return { ok: true, ring: kept.ring, digest: kept.digest, unconfirmed: [] };
  return (await round.reachAgreement()) ?? round.announce();
}

/** Whether what was asked for is what there is, in a later epoch: a raise follows within seconds, before a lost answer is asked for again. */
function cameOf(served: Ring, asked: Ring): boolean {
  const listed = new Map<NodeId, string>(served.members.map(({ id, zone }) => [id, zone]));
  return (
    served.change === null &&
    served.clusterId === asked.clusterId &&
    sameParameters(served, asked) &&
    listed.size === asked.members.length &&
    asked.members.every(({ id, zone }) => listed.get(id) === zone)
  );
}

class FormationRound {
  readonly proposal: NumberedRing;
  readonly #proposer: Proposer;
  readonly #others: readonly NodeId[];
  readonly #phaseMs: number;

  constructor(proposer: Proposer, proposal: NumberedRing, phaseMs: number) {
    this.#proposer = proposer;
    this.proposal = proposal;
    this.#others = proposal.ring.members.map(({ id }) => id).filter((id) => id !== proposer.self);
    this.#phaseMs = phaseMs;
  }

  /** Undefined once every member has accepted. */
  async reachAgreement(): Promise<FormRefusal | undefined> {
    const { self } = this.#proposer;
    return (
      refusalIn([{ node: self, answer: this.#proposer.wouldAccept(this.proposal) }]) ??
      refusalIn(
        await Promise.all([this.#ask(this.#others, "listed"), this.#askUnlisted()]).then((both) =>
          both.flat(),
        ),
      ) ??
      refusalIn(await this.#propose()) ??
      refusalIn(await this.#askUnlisted())
    );
  }

  async announce(): Promise<FormOutcome> {
    const own = refusalIn([
      { node: this.#proposer.self, answer: await this.#proposer.commit(this.proposal) },
    ]);
    if (own !== undefined) return own;
    // Twice: a member that missed it would be idle until it meets a peer anew.
    const timeoutMs = Math.floor(this.#phaseMs / 2);
    const message = commitMessage(this.proposal);
    let silent = await this.#tell(this.#others, message, timeoutMs);
    if (silent.length > 0) silent = await this.#tell(silent, message, timeoutMs);
    return { ok: true, ...this.proposal, unconfirmed: silent };
  }

  async #propose(): Promise<Said[]> {
    const { self, calls } = this.#proposer;
    const message = proposeMessage(this.proposal);
    const asked = this.#others.map(async (node): Promise<Said> => {
      const answer = await calls.call(node, message, this.#phaseMs);
      return { node, answer: parseAnswer(answer, this.proposal.digest) };
    });
    const own = this.#proposer.accept(this.proposal).then((answer): Said => ({ node: self, answer }));
    return Promise.all([own, ...asked]);
  }

  /** Peers in reach that are to be no members: they must not have a ring either, nor be about to get one. */
  async #askUnlisted(): Promise<Said[]> {
    const members = new Set(this.proposal.ring.members.map(({ id }) => id));
    const peers = this.#proposer.directory
      .peers()
      .filter(({ id, connected }) => connected && !members.has(id));
    const said = await this.#ask(
      peers.map(({ id }) => id),
      "unlisted",
    );
    // One that does not answer may be gone: it cannot hold up a ring that it is no part of.
    return said.filter(({ answer }) => answer.kind !== "silent");
  }

  async #ask(nodes: readonly NodeId[], as: "listed" | "unlisted"): Promise<Said[]> {
    const { calls, hash } = this.#proposer;
    const question = stateMessage(this.#proposer.kept(), { withRing: false });
    const asked = nodes.map(async (node): Promise<Said> => {
      const reply = await calls.call(node, question, this.#phaseMs);
      return { node, answer: readiness({ node, as, reply, digest: this.proposal.digest, hash }) };
    });
    return Promise.all(asked);
  }

  async #tell(nodes: readonly NodeId[], message: ControlMessage, timeoutMs: number): Promise<NodeId[]> {
    const asked = nodes.map(async (node) => {
      const answer = parseAnswer(
        await this.#proposer.calls.call(node, message, timeoutMs),
        this.proposal.digest,
      );
      return answer.kind === "done" ? undefined : node;
    });
    return (await Promise.all(asked)).filter((node) => node !== undefined);
  }
}

interface Said {
  readonly node: NodeId;
  readonly answer: Answer;
}

interface StateReply {
  readonly node: NodeId;
  readonly as: "listed" | "unlisted";
  readonly reply: ControlMessage | undefined;
  readonly digest: string;
  readonly hash: Digester;
}

/** Whether what a peer has leaves room for the ring with this digest. */
function readiness({ node, as, reply, digest, hash }: StateReply): Answer {
  if (reply === undefined) return { kind: "silent" };
  let theirs: PeerRing;
  try {
    theirs = parseState(reply, hash);
  } catch (error) {
    if (!(error instanceof RingInvalid)) throw error;
    return {
      kind: "refused",
      code: "busy",
      message: `node ${node} answered something else: ${error.message}`,
    };
  }
  if (theirs.state === "none") return { kind: "done" };
  if (as === "listed" && theirs.digest === digest) return { kind: "done" };
  if (theirs.state === "serving") {
    return {
      kind: "refused",
      code: "ring_exists",
      message: `node ${node} already serves ${describe(theirs)}`,
    };
  }
  const accepted = theirs.numbered?.ring;
  const message =
    accepted === undefined
      ? `node ${node} has accepted ${describe(theirs)}`
      : conflictMessage(node, accepted);
  return { kind: "refused", code: "proposal_conflict", message };
}

/** The first refusal, before the first silence: what cannot work matters more than what may work later. */
function refusalIn(said: readonly Said[]): FormRefusal | undefined {
  for (const { node, answer } of said) {
    if (answer.kind !== "refused") continue;
    return { ok: false, code: answer.code, message: answer.message, member: answer.because ?? node };
  }
  const silent = said.find(({ answer }) => answer.kind === "silent");
  if (silent === undefined) return undefined;
  const message =
    `node ${silent.node} did not answer: check that it runs and that its peer port can be reached, ` +
    `then repeat the same request`;
  return { ok: false, code: "member_unreachable", message, member: silent.node };
}
