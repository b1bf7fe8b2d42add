import type { NodeId } from "../../node-id.ts";
import { RingInvalid } from "../ring-check.ts";
import { ringBytes } from "../ring-document.ts";
import type { AdmittedMember, ElasticRing, Ring, RingChange } from "../ring.ts";
import { refusalOf } from "./change-request.ts";
import { departedOf, departing } from "./departed.ts";
import { checkElasticRing, ELASTIC_LEVEL, ringAt } from "./elastic-ring.ts";

/**
 * How one epoch follows from the one before. Each step makes the whole next document, which the members then decide
 * on (paxos/); who accepts one checks that a step leads to it, so no proposer can bring in anything else.
 *
 *     settled ──begin──▶ transfer ──flip──▶ flipped ──end──▶ settled
 *                           └─────cancel─────▶ settled
 *
 * A node that is gone after an end or a cancel is departed until it is released (departed.ts).
 *
 * Whether a step is due (has everything been transferred?) is change-progress.ts: the documents do not show it.
 */
export type Step =
  /** From format 1 to 2, with the ring store of every member. */
  | { readonly kind: "raise"; readonly ringStores: ReadonlyMap<NodeId, string> }
  | ({ readonly kind: "begin" } & Beginning)
  | { readonly kind: "flip" | "end" | "cancel"; readonly changeId: string }
  /** Lists a member's new ring store, so that it votes again from the next epoch on. */
  | { readonly kind: "admit"; readonly node: NodeId; readonly ringStore: string }
  /** Lists a departed node no more: it keeps nothing, or was away for too long (departed.ts). */
  | { readonly kind: "release"; readonly node: NodeId };

export interface Beginning {
  readonly changeId: string;
  readonly type: RingChange["type"];
  readonly joining: readonly Pick<AdmittedMember, "id" | "zone" | "ringStore">[];
  /** In a replace in the order of those that join, as planned. */
  readonly leaving: readonly NodeId[];
  /** As planned (change-plan.ts). Given, not planned here: releases may plan differently, and must agree on this. */
  readonly nextOwners: readonly NodeId[];
}

export type StepOutcome =
  | { readonly ok: true; readonly ring: ElasticRing }
  | { readonly ok: false; readonly code: StepRefusalCode; readonly message: string };

export type StepRefusalCode =
  | NonNullable<ReturnType<typeof refusalOf>>["code"]
  | "feature_level"
  | "no_change"
  | "other_change"
  | "wrong_phase"
  | "nothing_to_admit"
  | "nothing_to_release"
  | "invalid_document";

export function takeStep(ring: Ring, step: Step): StepOutcome {
  if (step.kind === "raise") return raise(ring, step.ringStores);
  if (ring.format !== 2) {
    return refuse(
      "feature_level",
      `the ring is of format ${ring.format}: raise its feature level to ${ELASTIC_LEVEL} first`,
    );
  }
  switch (step.kind) {
    case "begin":
      return begin(ring, step);
    case "admit":
      return admit(ring, step);
    case "release":
      return release(ring, step.node);
    case "flip":
    case "end":
    case "cancel":
      return proceed(ring, step);
  }
}

/** The step that leads from one document to the other; undefined where none does. Compares whole documents. */
export function stepBetween(ring: Ring, next: Ring): Step | undefined {
  // No step leads to a ring of format 1.
  if (next.format !== 2) return undefined;
  const step = likelyStep(ring, next);
  const outcome = step === undefined ? undefined : takeStep(ring, step);
  return outcome?.ok === true && sameBytes(ringBytes(outcome.ring), ringBytes(next)) ? step : undefined;
}

function raise(ring: Ring, ringStores: ReadonlyMap<NodeId, string>): StepOutcome {
  if (ring.format !== 1) return refuse("feature_level", `the ring is of format ${ring.format} already`);
  const unknown = ring.members.find(({ id }) => !ringStores.has(id));
  if (unknown !== undefined)
    return refuse(
      "feature_level",
      `node ${unknown.id} has not said which ring store it has: is its release older?`,
    );
  return checked({
    ...ring,
    format: 2,
    epoch: ring.epoch + 1,
    featureLevel: Math.max(ring.featureLevel, ELASTIC_LEVEL),
    members: ring.members.map((member) => ({ ...member, ringStore: ringStores.get(member.id)! })),
    change: null,
    acceptsFrom: ring.epoch,
  });
}

function begin(ring: ElasticRing, { changeId, type, joining, leaving, nextOwners }: Beginning): StepOutcome {
  const refusal = refusalOf(ring, { type, joining, leaving });
  if (refusal !== undefined) return refusal;
  const gone = new Set(leaving);
  const members = [
    ...ring.members.map(
      (member) => ({ ...member, state: gone.has(member.id) ? "leaving" : "active" }) as const,
    ),
    ...joining.map(({ id, zone, ringStore }) => ({ id, zone, state: "joining", ringStore }) as const),
  ].sort((a, b) => (a.id < b.id ? -1 : 1));
  const indexOf = new Map(members.map(({ id }, index) => [id, index]));
  const epoch = ring.epoch + 1;
  const next: ElasticRing = {
    ...ring,
    epoch,
    members,
    owners: ring.owners.map((owner) => indexOf.get(ring.members[owner]!.id)!),
    // Who is no member gets no index, which the check refuses by name of the field.
    change: { changeId, type, phase: "transfer", nextOwners: nextOwners.map((id) => indexOf.get(id) ?? -1) },
    acceptsFrom: epoch,
  };
  return checked(departing(next, []));
}

function proceed(
  ring: ElasticRing,
  { kind, changeId }: { readonly kind: "flip" | "end" | "cancel"; readonly changeId: string },
): StepOutcome {
  const { change } = ring;
  const epoch = ring.epoch + 1;
  if (change === null) return refuse("no_change", `${kind} of change ${changeId}: no change is under way`);
  if (change.changeId !== changeId)
    return refuse("other_change", `${kind} of change ${changeId}: change ${change.changeId} is under way`);
  switch (kind) {
    case "flip":
      if (change.phase !== "transfer") return refuse("wrong_phase", `change ${changeId} has flipped already`);
      return checked({ ...ring, epoch, change: { ...change, phase: "flipped" }, acceptsFrom: epoch });
    case "end":
      if (change.phase !== "flipped")
        return refuse("wrong_phase", `change ${changeId} cannot end before it has flipped`);
      return checked(departing({ ...ringAt(ring, "after"), epoch }, idsOf(ring, "leaving")));
    case "cancel":
      if (change.phase !== "transfer") {
        return refuse(
          "wrong_phase",
          `change ${changeId} has flipped and cannot be cancelled any more: let it end, then ask for the reverse`,
        );
      }
      // What a node got that was to join may be deleted and forgotten before it is asked again.
      return checked(departing({ ...ringAt(ring, "before"), epoch }, idsOf(ring, "joining")));
  }
}

function admit(ring: ElasticRing, { node, ringStore }: { node: NodeId; ringStore: string }): StepOutcome {
  const member = ring.members.find(({ id }) => id === node);
  if (member === undefined) return refuse("unknown_node", `node ${node} is no member of this ring`);
  if (member.ringStore === ringStore)
    return refuse("nothing_to_admit", `ring store ${ringStore} of node ${node} is listed already`);
  return checked({
    ...ring,
    epoch: ring.epoch + 1,
    members: ring.members.map((listed) => (listed === member ? { ...member, ringStore } : listed)),
  });
}

/**
 * Nothing that the node still has on its way is taken any more: what it planned, or hands over, is of an earlier epoch than
 * is accepted.
 */
function release(ring: ElasticRing, node: NodeId): StepOutcome {
  const { departed = [], ...rest } = ring;
  if (ring.change !== null)
    return refuse(
      "change_under_way",
      `change ${ring.change.changeId} is under way: node ${node} is released later`,
    );
  if (!departed.includes(node)) return refuse("nothing_to_release", `node ${node} is not listed as departed`);
  const epoch = ring.epoch + 1;
  const left = departed.filter((id) => id !== node);
  return checked(departing({ ...rest, epoch, acceptsFrom: epoch }, left));
}

function idsOf({ members }: ElasticRing, state: AdmittedMember["state"]): NodeId[] {
  return members.filter((member) => member.state === state).map(({ id }) => id);
}

/** A document that the request made incoherent is a refusal, not a broken invariant: requests come from outside. */
function checked(ring: ElasticRing): StepOutcome {
  try {
    return { ok: true, ring: checkElasticRing(ring) };
  } catch (error) {
    if (!(error instanceof RingInvalid)) throw error;
    return refuse("invalid_document", error.message);
  }
}

function likelyStep(ring: Ring, next: ElasticRing): Step | undefined {
  if (ring.format === 1)
    return { kind: "raise", ringStores: new Map(next.members.map(({ id, ringStore }) => [id, ringStore])) };
  const { change } = ring;
  if (change === null && next.change !== null) return beginningOf(next, next.change);
  if (change !== null && next.change === null)
    return { kind: change.phase === "flipped" ? "end" : "cancel", changeId: change.changeId };
  if (change !== null && next.change?.phase !== change.phase)
    return { kind: "flip", changeId: change.changeId };
  const released = departedOf(ring).find((id) => !departedOf(next).includes(id));
  if (released !== undefined) return { kind: "release", node: released };
  const listed = new Map(ring.members.map(({ id, ringStore }) => [id, ringStore]));
  const admitted = next.members.find(({ id, ringStore }) => listed.get(id) !== ringStore);
  return admitted && { kind: "admit", node: admitted.id, ringStore: admitted.ringStore };
}

function beginningOf({ members }: ElasticRing, change: RingChange): Step {
  const { changeId, type } = change;
  return {
    kind: "begin",
    changeId,
    type,
    joining: members.filter(({ state }) => state === "joining"),
    leaving: members.filter(({ state }) => state === "leaving").map(({ id }) => id),
    nextOwners: change.nextOwners.map((owner) => members[owner]!.id),
  };
}

function refuse(code: StepRefusalCode, message: string): StepOutcome {
  return { ok: false, code, message };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
