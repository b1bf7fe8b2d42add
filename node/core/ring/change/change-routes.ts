import type { NodeId } from "../../node-id.ts";
import { listOf, preferenceLists } from "../preference-list.ts";
import type { PreferenceList, Ring } from "../ring.ts";
import { ringAt } from "./elastic-ring.ts";

/**
 * Where the reads and writes of a partition go, change under way or not. A write needs its W in each of the sets:
 * then whoever reads by the epoch before the flip or after it meets it with R + W > N. Source: Garage, whose Jepsen tests
 * lost writes in 10 of 10 runs of layout changes before it did this, and in none after.
 */
export interface PartitionRoutes {
  /** Who is asked by a read. */
  readonly read: PreferenceList;
  /** Who is sent a write: the owners of all sets, those in several of them first. Where there is one set, `read` itself. */
  readonly write: PreferenceList;
  /** One set of owners, or, where the change moves copies of this partition, those before and those after it. */
  readonly writeSets: readonly (readonly NodeId[])[];
}

/**
 * In order of partitions. Costs as much as twice `preferenceLists` while a change is under way.
 *
 * Stand-ins are, in walk order, those that own in neither set. Of a write: one that owned in one set and stood in for the other would
 * count twice with one copy. Of a read: an owner of the other set has much, and not all; a stand-in that has nothing says so,
 * while what it has would count for R.
 */
export function routesOf(ring: Ring): readonly PartitionRoutes[] {
  if (ring.change === null)
    return preferenceLists(ring).map((list) => ({ read: list, write: list, writeSets: [list.owners] }));
  const before = preferenceLists(ringAt(ring, "before"));
  const after = preferenceLists(ringAt(ring, "after"));
  const reads = ring.change.phase === "flipped" ? after : before;
  return reads.map((read, partition) => {
    const [old, next] = [before[partition]!.owners, after[partition]!.owners];
    if (sameSet(old, next)) return { read, write: read, writeSets: [read.owners] };
    const both = old.filter((id) => next.includes(id));
    const owners = [...both, ...[...old, ...next].filter((id) => !both.includes(id))];
    const write = listOf(partition, owners, () => read.fallbacks.filter((id) => !owners.includes(id)));
    return {
      read: listOf(partition, read.owners, () => write.fallbacks),
      write,
      writeSets: [old, next],
    };
  });
}

function sameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
