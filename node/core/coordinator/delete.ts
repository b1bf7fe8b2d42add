import { WriteTally } from "../quorum/write-tally.ts";
import { type Coordination, type CoordinatorParts, remainingMs } from "./coordination.ts";
import { type Holder, readMerged } from "./get.ts";
import { coordinatePut } from "./put.ts";
import type { ReadRepair } from "./read-repair.ts";
import type { KeyOfBucket, WriteOutcome } from "./requests.ts";
import { sealContext } from "../version/context.ts";
import type { Coverage } from "../version/coverage.ts";

/**
 * A delete is a put of a tombstone: it must be remembered, or a replica that missed it would bring the value back.
 * Without a context (`seen` undefined) it first reads with R and deletes exactly what it read; where there is
 * nothing to delete, and W nodes say so, it writes nothing.
 */
export async function coordinateDelete(
  request: KeyOfBucket & { seen: Coverage | undefined; requestId: string },
  coordination: Coordination,
  parts: CoordinatorParts & { readRepair: ReadRepair },
): Promise<WriteOutcome> {
  let seen = request.seen;
  if (seen === undefined) {
    const read = await readMerged(request, coordination, parts);
    if (read.kind === "failed") return read;
    if (read.record === undefined) return { kind: "written", context: new Uint8Array(0) };
    seen = read.record.coverage;
    if (read.record.siblings.every(({ tombstone }) => tombstone) && isKept(read.holders, coordination)) {
      return { kind: "written", context: sealContext(seen, coordination, parts.hash) };
    }
    if (remainingMs(coordination, parts) <= 0) {
      return {
        kind: "failed",
        code: "quorum_unreachable",
        message: "no time left after the read",
        ...untouched,
      };
    }
  }
  const tombstone = { tombstone: true, value: new Uint8Array(0), contentType: "" };
  return coordinatePut({ ...request, ...tombstone, seen }, coordination, parts);
}

/** A tombstone that an earlier delete left on fewer than W nodes may be lost with them: it is written again. */
function isKept(holders: readonly Holder[], { quorum, preferenceList }: Coordination): boolean {
  const tally = new WriteTally(quorum, preferenceList.owners);
  // One owner of several is enough: counting too few only writes the tombstone again.
  for (const { node, keptFor } of holders) tally.acked(node, keptFor[0]);
  return tally.reached;
}

const untouched = { maybeApplied: false, context: new Uint8Array(0) } as const;
