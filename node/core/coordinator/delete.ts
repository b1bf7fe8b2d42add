import { WriteTally } from "../quorum/write-tally.ts";
import { type Coordination, type CoordinatorParts, failure, remainingMs } from "./coordination.ts";
import { type Holder, readMerged } from "./get.ts";
import type { ReadRepair } from "./read-repair.ts";
import type { KeyOfBucket, WriteOutcome } from "./requests.ts";
import { sealContext } from "../version/context.ts";

/**
 * A delete is a put of a tombstone: it must be remembered, or a replica that missed it would bring the value back.
 * Without a context it first reads with R and deletes exactly what it read. Any node may read; whoever then writes the
 * tombstone is given the context, so that no second coordinator reads anew and deletes what came meanwhile.
 *
 * The outcome where there is nothing to delete, and W nodes say so: then nothing is written.
 */
export async function readBeforeDelete(
  request: KeyOfBucket,
  coordination: Coordination,
  parts: CoordinatorParts & { readRepair: ReadRepair },
): Promise<{ readonly kind: "seen"; readonly context: Uint8Array } | WriteOutcome> {
  const read = await readMerged(request, coordination, parts);
  if (read.kind === "failed") return read;
  if (read.record === undefined) return { kind: "written", context: new Uint8Array(0) };
  const context = sealContext(read.record.coverage, coordination, parts.hash);
  if (read.record.siblings.every(({ tombstone }) => tombstone) && isKept(read.holders, coordination)) {
    return { kind: "written", context };
  }
  if (remainingMs(coordination, parts) <= 0)
    return failure("quorum_unreachable", "no time left after the read");
  return { kind: "seen", context };
}

/**
 * A tombstone that an earlier delete left on fewer than W owners may be lost with them: it is written again. So it is
 * where stand-ins show it, whose copy may be older than what their owner has had since.
 */
function isKept(holders: readonly Holder[], { quorum, preferenceList }: Coordination): boolean {
  const tally = new WriteTally(quorum, preferenceList.owners);
  for (const { node, keptFor } of holders) if (keptFor.length === 0) tally.acked(node);
  return tally.reached;
}
