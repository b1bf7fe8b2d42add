import { WriteTally } from "../quorum/write-tally.ts";
import { type Coordination, type CoordinatorParts, failure, remainingMs } from "./coordination.ts";
import { type Holder, readMerged } from "./get.ts";
import type { ReadRepair } from "./read-repair.ts";
import type { Failure, KeyOfBucket, WriteOutcome } from "./requests.ts";
import { sealContext } from "../version/context.ts";

/**
 * A delete is a put of a tombstone: it must be remembered, or a replica that missed it would bring the value back.
 * Without a context it first reads with R and deletes exactly what it read. Any node may read; whoever then writes the
 * tombstone is given the context, so that no second coordinator reads anew and deletes what came meanwhile.
 *
 * "written": there is nothing to delete, and nothing is written. That rests on R owners, not on the sloppy quorum of a
 * get: either R of them have nothing of the key, or R of them answered and W hold the tombstone already. Stand-ins that
 * never saw the key know nothing of it, and a value that its absent owners hold would be back with them, after a delete
 * that was acknowledged and that nobody remembers. `quorum_unreachable`, not applied, where fewer owners than R have
 * said so, where the read failed, and where no time is left after it.
 */
export async function readBeforeDelete(
  request: KeyOfBucket,
  coordination: Coordination,
  parts: CoordinatorParts & { readRepair: ReadRepair },
): Promise<{ readonly kind: "seen"; readonly context: Uint8Array } | WriteOutcome> {
  const read = await readMerged(request, coordination, parts);
  if (read.kind === "failed") return read;
  const { record, holders, ownersAnswered, plan } = read;
  const restsOnOwners = ownersAnswered >= plan.quorum.r;
  if (record === undefined) {
    if (!restsOnOwners) return ownersMayHaveIt(ownersAnswered, plan);
    return { kind: "written", context: new Uint8Array(0) };
  }
  const context = sealContext(record.coverage, coordination, parts.hash);
  const isDeleted = record.siblings.every(({ tombstone }) => tombstone);
  if (isDeleted && restsOnOwners && isKept(holders, plan)) return { kind: "written", context };
  if (remainingMs(coordination, parts) <= 0)
    return failure("quorum_unreachable", "no time left after the read");
  return { kind: "seen", context };
}

function ownersMayHaveIt(ownersAnswered: number, { quorum: { r } }: Coordination): Failure {
  return failure(
    "quorum_unreachable",
    `nothing was deleted: ${ownersAnswered} of r=${r} owners said that they have nothing under this key, and those ` +
      "that did not answer may have a value; retry when they are back, or delete with the context of an earlier answer",
  );
}

/**
 * A tombstone that an earlier delete left on fewer than W owners may be lost with them: it is written again. So it is
 * where stand-ins show it, whose copy may be older than what their owner has had since.
 */
function isKept(holders: readonly Holder[], { quorum, routes }: Coordination): boolean {
  const tally = new WriteTally(quorum, routes.writeSets);
  for (const { node, keptFor } of holders) if (keptFor.length === 0) tally.acked(node);
  return tally.reached;
}
