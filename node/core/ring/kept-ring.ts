import type { NodeId } from "../node-id.ts";
import { departedOf } from "./change/departed.ts";
import { isAdmitted } from "./change/elastic-ring.ts";
import { recoveredRing } from "./change/recovered-ring.ts";
import { type Ballots, serveDecided } from "./paxos/acceptor.ts";
import { compareRings, describe, type NumberedRing } from "./ring-number.ts";
import type { AdmittedMember, ElasticRing, Ring, RingMember } from "./ring.ts";

/**
 * What a node durably knows of the ring, and how that may change. A node starts with nothing; it accepts at most
 * one proposal of a first ring, and from then on no other; it serves a ring once it knows that every member
 * accepted it. These are pure decisions: ring-keeper.ts saves a new state before anyone hears of it.
 *
 * Invariant: from "proposed" a node goes to that ring or to a later one of the same cluster, from "serving" only to
 * later ones. Hence two rings cannot both be accepted by all their members if they share one.
 */
export type KeptRing = NoRing | ProposedRing | ServingRing;

export interface NoRing {
  readonly state: "none";
  /**
   * The ring store of a spare: of a node that met a ring that can change and does not list it. A ring that lists it with
   * this store is its first; any other ring that lists it says that this node had one before, and lost it.
   */
  readonly store: string | undefined;
}

export interface ProposedRing extends NumberedRing {
  readonly state: "proposed";
}

/** `ring` and `digest` are `ballots.served`. The ring need not list this node: then it has left (elastic-ring.ts `standingOf`). */
export interface ServingRing extends NumberedRing {
  readonly state: "serving";
  readonly ballots: Ballots;
}

export const NOTHING: KeptRing = { state: "none", store: undefined };

export function serving(ballots: Ballots): ServingRing {
  const { ring, digest } = ballots.served;
  return { state: "serving", ring, digest, ballots };
}

export type RefusalCode = "invalid_request" | "ring_exists" | "proposal_conflict" | "storage_failed" | "busy";

export interface Refusal {
  readonly kind: "refused";
  readonly code: RefusalCode;
  readonly message: string;
  /** The node that stands in the way, where it is another one than the one that refuses. */
  readonly because?: NodeId;
}

export type ProposalDecision =
  { readonly kind: "keep" } | { readonly kind: "save"; readonly next: ProposedRing | ServingRing } | Refusal;

/**
 * Whether the node `self`, in failure domain `zone`, accepts this ring, which is served once all its members accept it: a first ring,
 * or a recovered one (change/recovered-ring.ts). Accepting twice is accepting.
 */
export function decideProposal(
  kept: KeptRing,
  proposal: NumberedRing,
  { self, zone }: { self: NodeId; zone: string },
): ProposalDecision {
  const { ring, digest } = proposal;
  const listed = memberOf(ring, self);
  if (listed === undefined) return refuse("invalid_request", `node ${self} is not among the members`);
  if (kept.state === "serving" && ring.generation > 0) return decideRecovery(kept, proposal, listed);
  if (listed.zone !== zone) {
    const zones = `${JSON.stringify(zone)}, the request lists it in ${JSON.stringify(listed.zone)}`;
    return refuse("invalid_request", `node ${self} is in zone ${zones}`);
  }
  if (ring.epoch !== 1 || ring.generation !== 0 || ring.change !== null) {
    return refuse("invalid_request", `a first ring has epoch 1 and generation 0, not ${describe(ring)}`);
  }
  if (kept.state !== "none" && kept.digest === digest) return { kind: "keep" };
  if (kept.state === "serving") {
    return refuse("ring_exists", `node ${self} already serves ${describe(kept.ring)}`);
  }
  if (kept.state === "proposed") return refuse("proposal_conflict", conflictMessage(self, kept.ring));
  return { kind: "save", next: { state: "proposed", ring, digest } };
}

/**
 * A later generation that is accepted takes the place of an earlier one that was: whoever proposed that may be gone. Then the
 * earlier one, were it served somewhere after all, is fenced like any older generation.
 */
function decideRecovery(
  kept: ServingRing,
  proposal: NumberedRing,
  listed: RingMember | AdmittedMember,
): ProposalDecision {
  const { ring, digest } = proposal;
  const { store, recovery } = kept.ballots;
  const self = listed.id;
  if (kept.digest === digest || recovery?.digest === digest) return { kind: "keep" };
  if (kept.ring.clusterId !== ring.clusterId || !sameParameters(ring, kept.ring) || ring.change !== null)
    return refuse("invalid_request", `${describe(ring)} recovers another ring than that of node ${self}`);
  if (ring.generation <= kept.ring.generation || ring.epoch <= kept.ring.epoch) {
    return refuse(
      "ring_exists",
      `node ${self} serves ${describe(kept.ring)}, which is not older: recover from that, asking this node`,
    );
  }
  if (!("ringStore" in listed) || listed.ringStore !== store.id)
    return refuse(
      "invalid_request",
      `node ${self} has another ring store than the one listed: ask again in a moment`,
    );
  if (recovery !== undefined && recovery.ring.generation >= ring.generation)
    return refuse("proposal_conflict", `node ${self} has accepted ${describe(recovery.ring)}`);
  if (ring.epoch === kept.ring.epoch + 1) {
    const possible = recoveredRing(kept.ring, ring.members as ElasticRing["members"]);
    if (!possible.ok) return refuse("invalid_request", possible.message);
  }
  return { kind: "save", next: serving({ ...kept.ballots, recovery: { ring, digest } }) };
}

/** Says how to get out: only a person knows whether the other proposal was a mistake. */
export function conflictMessage(node: NodeId, accepted: Ring): string {
  const members = accepted.members.map(({ id }) => id).join(", ");
  return (
    `node ${node} has accepted another first ring, of cluster ${accepted.clusterId} with members ${members}: ` +
    `repeat that request to complete it; if it was a mistake and no node serves it, stop its members, ` +
    `remove their ring files and start them again`
  );
}

export type ServingDecision =
  | { readonly kind: "install"; readonly next: ServingRing }
  | { readonly kind: "same" | "older" | "not_member" }
  | { readonly kind: "other_cluster" | "conflict"; readonly ours: NumberedRing };

/**
 * What a node makes of a ring that a peer serves, that is decided, or that a peer says is accepted by all its members. `drawStore`: the
 * id of a new ring store (ring.ts `AdmittedMember.ringStore`), which each ring store has from its first ring on at the latest.
 */
export function decideServing(
  kept: KeptRing,
  theirs: NumberedRing,
  { self, drawStore }: { self: NodeId; drawStore: () => string },
): ServingDecision {
  const { ring, digest } = theirs;
  const listed = memberOf(ring, self);
  if (kept.state === "none") {
    // One that has left and lost its ring store: without a ring it would keep its copies and hints for ever, and hand over nothing.
    if (listed === undefined && departedOf(ring).includes(self))
      return firstRing(theirs, { id: kept.store ?? drawStore(), adopted: false });
    if (listed === undefined) return { kind: "not_member" };
    return firstRing(theirs, { id: kept.store ?? drawStore(), adopted: !isFirstOf(kept, listed) });
  }
  if (kept.ring.clusterId !== ring.clusterId) return { kind: "other_cluster", ours: kept };
  if (kept.digest === digest) {
    return kept.state === "serving"
      ? { kind: "same" }
      : firstRing(theirs, { id: drawStore(), adopted: false });
  }
  const order = compareRings(ring, kept.ring);
  if (order === 0 || !sameParameters(ring, kept.ring)) return { kind: "conflict", ours: kept };
  if (order < 0) return { kind: "older" };
  if (kept.state === "proposed") {
    if (listed === undefined) return { kind: "not_member" };
    return firstRing(theirs, { id: drawStore(), adopted: false });
  }
  const next = serveDecided(kept.ballots, theirs);
  return next === undefined ? { kind: "older" } : { kind: "install", next: serving(next) };
}

/** Why such a ring is not served; undefined where nothing is wrong with it. */
export function refusalToServe(
  decision: Exclude<ServingDecision, { kind: "install" }>,
  theirs: Ring,
  { self, from }: { self: NodeId; from: NodeId },
): Refusal | undefined {
  switch (decision.kind) {
    case "same":
    case "older":
      return undefined;
    case "not_member":
      return refuse("invalid_request", `node ${self} is no member of ${describe(theirs)}`);
    case "other_cluster": {
      const ours = describe(decision.ours.ring);
      return refuse("ring_exists", `node ${self} belongs to ${ours}, not to ${describe(theirs)}`);
    }
    case "conflict": {
      const ours = describe(decision.ours.ring);
      return refuse("ring_exists", `node ${self} has ${ours} with other content than that of node ${from}`);
    }
  }
}

function firstRing({ ring, digest }: NumberedRing, store: Ballots["store"]): ServingDecision {
  const served = { ring, digest };
  return { kind: "install", next: serving({ served, store, promised: undefined, accepted: undefined }) };
}

/** Whether the ring lists the very store that this node drew before it had a ring. */
function isFirstOf({ store }: NoRing, listed: RingMember | AdmittedMember): boolean {
  return store !== undefined && "ringStore" in listed && listed.ringStore === store;
}

/**
 * Whether a node that is no member by the ring that it has is one by the next, with a ring store that it has not: the ring that it has is
 * of before, and was learnt from a peer that is behind after this node had lost its own. Who joins does so with the store that it has.
 */
export function isLostBetween(kept: KeptRing, { ring, ballots }: ServingRing, self: NodeId): boolean {
  if (kept.state !== "serving" || memberOf(kept.ring, self) !== undefined) return false;
  return memberOf(ring, self) !== undefined && !isAdmitted(ring, self, ballots.store.id);
}

function memberOf({ members }: Ring, id: NodeId): RingMember | AdmittedMember | undefined {
  return (members as readonly RingMember[]).find((member) => member.id === id);
}

export function sameParameters(a: Ring, b: Ring): boolean {
  const [mine, theirs] = [a.parameters, b.parameters];
  return mine.partitions === theirs.partitions && mine.replicas === theirs.replicas;
}

function refuse(code: RefusalCode, message: string): Refusal {
  return { kind: "refused", code, message };
}
