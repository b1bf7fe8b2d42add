import type { NodeId } from "../../node-id.ts";
import { claim } from "../claim.ts";
import { RingInvalid } from "../ring-check.ts";
import type { ElasticRing, Ring } from "../ring.ts";
import { departing } from "./departed.ts";
import { checkElasticRing, ELASTIC_LEVEL, isAdmitted, ringAt, votersOf } from "./elastic-ring.ts";

/**
 * The ring with which a cluster goes on after most of those that decide are lost for good. No epoch can be decided, so
 * a person names the survivors, and a higher generation fences every epoch of the older one, whoever still holds it. A change that
 * was under way is over; what it had moved are misplaced copies.
 *
 * It is safe only as far as that person is right: lost nodes that still run, apart, serve the older generation until
 * they meet this one. So it is refused where the survivors can decide an epoch: those whose ring store is the one listed. Where most have lost
 * theirs, no epoch can admit the new ones, and all that are left go on in this way.
 */
export type RecoveryOutcome =
  | { readonly ok: true; readonly ring: ElasticRing }
  | {
      readonly ok: false;
      readonly code: "majority_survives" | "unknown_node" | "invalid_document";
      readonly message: string;
    };

export interface Survivor {
  readonly id: NodeId;
  /** elastic-ring.ts `AdmittedMember.ringStore`, as the survivor reports it. */
  readonly ringStore: string;
}

export function recoveredRing(ring: Ring, survivors: readonly Survivor[]): RecoveryOutcome {
  const stores = new Map(survivors.map(({ id, ringStore }) => [id, ringStore]));
  const unknown = survivors.find(({ id }) => !ring.members.some((listed) => listed.id === id));
  if (unknown !== undefined) {
    return { ok: false, code: "unknown_node", message: `node ${unknown.id} is no member of this ring` };
  }
  const voters = votersOf(ring);
  const surviving = voters.filter(({ id }) => {
    const store = stores.get(id);
    return store !== undefined && isAdmitted(ring, id, store);
  }).length;
  if (surviving > voters.length / 2) {
    const message = `${surviving} of ${voters.length} that decide survive, which is a majority: use leave or replace`;
    return { ok: false, code: "majority_survives", message };
  }
  const epoch = ring.epoch + 1;
  const members = ring.members
    .filter(({ id }) => stores.has(id))
    .map((member) => ({ ...member, state: "active", ringStore: stores.get(member.id)! }) as const);
  const draft = {
    ...ring,
    format: 2,
    generation: ring.generation + 1,
    epoch,
    members,
    change: null,
  } as const;
  try {
    const owners = members.length === 0 ? [] : survivorsOwn(ring, members);
    const featureLevel = Math.max(ring.featureLevel, ELASTIC_LEVEL);
    const recovered = { ...draft, featureLevel, owners, acceptsFrom: epoch };
    const lost = ring.members.map(({ id }) => id);
    return { ok: true, ring: checkElasticRing(departing(recovered, lost)) };
  } catch (error) {
    if (!(error instanceof RingInvalid)) throw error;
    return { ok: false, code: "invalid_document", message: error.message };
  }
}

/** From the owners that reads went to, since they have the most. */
function survivorsOwn(ring: Ring, members: ElasticRing["members"]): number[] {
  const { members: serving, owners } = ringAt(ring, ring.change?.phase === "flipped" ? "after" : "before");
  const { partitions, replicas } = ring.parameters;
  const previousOwners = owners.map((owner) => serving[owner]!.id);
  return claim({ partitions, replicas, members, previousOwners });
}
