import { decodeUtf8 } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { Digester } from "../ports/hash.ts";
import { checkRing, RingInvalid } from "./ring-check.ts";
import { ringDigest } from "./ring-document.ts";
import type { Ring } from "./ring.ts";

/**
 * What a node durably knows of the ring, and how that may change. A node starts with nothing; it accepts at most
 * one proposal of a first ring, and from then on no other; it serves a ring once it knows that every member
 * accepted it. These are pure decisions: ring-keeper.ts saves a new state before anyone hears of it.
 *
 * Invariant: from "proposed" a node goes to that ring or to a later one of the same cluster, from "serving" only to
 * later ones. Hence two rings cannot both be accepted by all their members if they share one.
 */
export type KeptRing = { readonly state: "none" } | ProposedRing | ServingRing;

export interface NumberedRing {
  readonly ring: Ring;
  /** ring-document.ts `ringDigest`. */
  readonly digest: string;
}

export interface ProposedRing extends NumberedRing {
  readonly state: "proposed";
}

export interface ServingRing extends NumberedRing {
  readonly state: "serving";
  /**
   * True where this node learnt the ring from a peer without having accepted it: its ring store was new or lost. It may
   * have forgotten promises, so it must abstain from deciding later epochs.
   */
  readonly adopted: boolean;
}

export const NOTHING: KeptRing = { state: "none" };

export type RefusalCode = "invalid_request" | "ring_exists" | "proposal_conflict" | "storage_failed" | "busy";

export interface Refusal {
  readonly kind: "refused";
  readonly code: RefusalCode;
  readonly message: string;
  /** The node that stands in the way, where it is another one than the one that refuses. */
  readonly because?: NodeId;
}

export type ProposalDecision =
  { readonly kind: "keep" } | { readonly kind: "save"; readonly next: ProposedRing } | Refusal;

/** Whether the node `self`, in failure domain `zone`, accepts this first ring. Accepting twice is accepting. */
export function decideProposal(
  kept: KeptRing,
  proposal: NumberedRing,
  { self, zone }: { self: NodeId; zone: string },
): ProposalDecision {
  const { ring, digest } = proposal;
  const listed = ring.members.find(({ id }) => id === self);
  if (listed === undefined) return refuse("invalid_request", `node ${self} is not among the members`);
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

/** What a node makes of a ring that a peer serves, or says is accepted by all its members. */
export function decideServing(kept: KeptRing, theirs: NumberedRing, self: NodeId): ServingDecision {
  const { ring, digest } = theirs;
  const isMember = ring.members.some(({ id }) => id === self);
  if (kept.state === "none") {
    if (!isMember) return { kind: "not_member" };
    return { kind: "install", next: { state: "serving", ring, digest, adopted: true } };
  }
  if (kept.ring.clusterId !== ring.clusterId) return { kind: "other_cluster", ours: kept };
  if (kept.digest === digest) {
    if (kept.state === "serving") return { kind: "same" };
    return { kind: "install", next: { state: "serving", ring, digest, adopted: false } };
  }
  const order = compareRings(ring, kept.ring);
  if (order === 0 || !sameParameters(ring, kept.ring)) return { kind: "conflict", ours: kept };
  if (order < 0) return { kind: "older" };
  if (kept.state === "proposed" && !isMember) return { kind: "not_member" };
  const adopted = kept.state === "serving" && kept.adopted;
  return { kind: "install", next: { state: "serving", ring, digest, adopted } };
}

/** Negative where `a` is older than `b`: a later generation fences every epoch of an earlier one. */
export function compareRings(a: RingNumber, b: RingNumber): number {
  return a.generation - b.generation || a.epoch - b.epoch;
}

export type RingNumber = Pick<Ring, "generation" | "epoch">;

function sameParameters(a: Ring, b: Ring): boolean {
  const [mine, theirs] = [a.parameters, b.parameters];
  return mine.partitions === theirs.partitions && mine.replicas === theirs.replicas;
}

export function describe({
  clusterId,
  generation,
  epoch,
}: Pick<Ring, "clusterId" | "generation" | "epoch">): string {
  return `the ring of cluster ${clusterId}, epoch ${epoch}, generation ${generation}`;
}

function refuse(code: RefusalCode, message: string): Refusal {
  return { kind: "refused", code, message };
}

const FORMAT = 1;

/** JSON: `{format, state, adopted, ring}`. The state "none" is no bytes at all and cannot be written. */
export function encodeKept(kept: ProposedRing | ServingRing): Uint8Array {
  const adopted = kept.state === "serving" && kept.adopted;
  return new TextEncoder().encode(
    JSON.stringify({ format: FORMAT, state: kept.state, adopted, ring: kept.ring }),
  );
}

/** Throws RingInvalid: a node that cannot read what it promised must not go on as if it had promised nothing. */
export function decodeKept(bytes: Uint8Array | undefined, hash: Digester): KeptRing {
  if (bytes === undefined) return NOTHING;
  let kept: Record<string, unknown>;
  try {
    kept = JSON.parse(decodeUtf8(bytes)) as Record<string, unknown>;
  } catch (error) {
    throw new RingInvalid("stored ring", error instanceof Error ? error.message : "unreadable");
  }
  if (kept?.["format"] !== FORMAT) {
    throw new RingInvalid(
      "stored ring",
      `format ${JSON.stringify(kept?.["format"])}, this version reads ${FORMAT} only`,
    );
  }
  const ring = checkRing(kept["ring"]);
  const digest = ringDigest(ring, hash);
  if (kept["state"] === "proposed") return { state: "proposed", ring, digest };
  if (kept["state"] === "serving")
    return { state: "serving", ring, digest, adopted: kept["adopted"] === true };
  throw new RingInvalid(
    "stored ring",
    `state ${JSON.stringify(kept["state"])} is neither proposed nor serving`,
  );
}
