import type { NodeId } from "../node-id.ts";
import type { KeyRecord } from "../version/record.ts";
import { compareBytes, visibleSiblings } from "../version/record.ts";
import { sealContext } from "../version/context.ts";
import { type Coordination, type CoordinatorParts, failure } from "./coordination.ts";
import { readReplicas, type ReadRoundResult } from "./read-round.ts";
import { type ReadRepair } from "./read-repair.ts";
import type { Failure, KeyOfBucket, ReadOutcome } from "./requests.ts";

/**
 * Coordinates a get on this node (Dynamo §4.5): ask R of the first N healthy nodes, one for the record and the
 * others for a digest, merge what differs, show every sibling that survives with one context, and bring the stale
 * copies up to date afterwards.
 */
export async function coordinateGet(
  request: KeyOfBucket,
  coordination: Coordination,
  parts: CoordinatorParts & { readRepair: ReadRepair },
): Promise<ReadOutcome> {
  const read = await readMerged(request, coordination, parts);
  if (read.kind === "failed") return read;
  const { record } = read;
  return {
    kind: "read",
    siblings: record === undefined ? [] : visibleSiblings(record),
    context:
      record === undefined ? new Uint8Array(0) : sealContext(record.coverage, coordination, parts.hash),
    ownersAnswered: read.ownersAnswered,
    ownersTotal: read.plan.routes.read.owners.length,
  };
}

export interface Holder {
  readonly node: NodeId;
  /** The owners that its copy is kept for; empty for its own copy. */
  readonly keptFor: readonly NodeId[];
}

export type MergedRead =
  | {
      readonly kind: "merged";
      /** Undefined where no replica that counted knows the key. */
      readonly record: KeyRecord | undefined;
      /** Who showed exactly this record; others lack a part of it. */
      readonly holders: readonly Holder[];
      readonly ownersAnswered: number;
      /** By which it was read in the end. */
      readonly plan: Coordination;
    }
  | Failure;

/** The read behind a get, and behind a delete that was sent without a context. */
export async function readMerged(
  request: KeyOfBucket,
  coordination: Coordination,
  parts: CoordinatorParts & { readRepair: ReadRepair },
): Promise<MergedRead> {
  let plan = coordination;
  let round = await readReplicas(request, plan, parts);
  while (round.replanned !== undefined) {
    plan = round.replanned;
    round = await readReplicas(request, plan, parts);
  }
  if (!round.reached) {
    const { r, pr } = plan.quorum;
    return failure(
      "quorum_unreachable",
      `${round.answered} of r=${r} nodes (owners: ${round.ownersAnswered} of pr=${pr}) answered in time`,
    );
  }
  parts.readRepair.repairStale(round, plan);
  const { merged, ownersAnswered } = round;
  return { kind: "merged", record: merged?.record, holders: holdersOf(round), ownersAnswered, plan };
}

function holdersOf({ votes, merged }: ReadRoundResult): Holder[] {
  const holders: Holder[] = [];
  for (const [node, vote] of votes) {
    if (vote.kind === "found" && merged !== undefined && compareBytes(vote.digest, merged.digest) === 0)
      holders.push({ node, keptFor: vote.keptFor });
  }
  return holders;
}
