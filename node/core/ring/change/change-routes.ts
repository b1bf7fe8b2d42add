import type { NodeId } from "../../node-id.ts";
import { preferenceLists } from "../preference-list.ts";
import type { PreferenceList, Ring } from "../ring.ts";
import { ringAt } from "./elastic-ring.ts";

/**
 * Where the reads and writes of a partition go, change under way or not. A write needs its W in each of the sets:
 * then whoever reads by the epoch before the flip or after it meets it with R + W > N. Source: Garage, whose Jepsen tests
 * lost writes in 10 of 10 runs of layout changes before it did this, and in none after.
 */
export interface PartitionRoutes {
  /** Owners and stand-ins of a read. */
  readonly read: PreferenceList;
  /** One set of owners, or, where the change moves copies of this partition, those before and those after it. */
  readonly writeSets: readonly (readonly NodeId[])[];
  /**
   * Stand-ins of a write, in walk order: owners in neither set. One that owned in one set and stood in for the other would count
   * twice with one copy.
   */
  readonly writeFallbacks: readonly NodeId[];
}

/** In order of partitions. Costs as much as twice `preferenceLists` while a change is under way. */
export function routesOf(ring: Ring): readonly PartitionRoutes[] {
  if (ring.change === null) {
    return preferenceLists(ring).map((read) => ({
      read,
      writeSets: [read.owners],
      writeFallbacks: read.fallbacks,
    }));
  }
  const before = preferenceLists(ringAt(ring, "before"));
  const after = preferenceLists(ringAt(ring, "after"));
  const reads = ring.change.phase === "flipped" ? after : before;
  return reads.map((read, partition) => {
    const [old, next] = [before[partition]!.owners, after[partition]!.owners];
    return {
      read,
      writeSets: sameSet(old, next) ? [read.owners] : [old, next],
      writeFallbacks: read.fallbacks.filter((id) => !old.includes(id) && !next.includes(id)),
    };
  });
}

function sameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
