import { noTombstones, type TombstoneCount } from "../../../node/core/ports/tombstone-store.ts";
import { visibleSiblings } from "../../../node/core/version/record.ts";
import type { DatabaseFile } from "../world/simulated-disk.ts";
import { OverlaidTree } from "../world/simulated-tree.ts";
import { soundRecord } from "./sound-record.ts";

/** What a data.db on a disk says of its tombstones. */
export function tombstoneCountOf(file: DatabaseFile): TombstoneCount {
  const tree = new OverlaidTree({ layers: () => [file.tree], open: () => undefined });
  return tree.identity()?.tombstones ?? noTombstones;
}

/**
 * How that is not what its rows are; undefined where it is. A row that rotted, and that nobody has another copy of, may
 * have been one when it was counted.
 */
export function tombstonesMiscounted(file: DatabaseFile): string | undefined {
  const { count, inDoubt } = tombstoneCountOf(file);
  if (inDoubt) return "is in doubt about its tombstones";
  const records = [...file.rows.values()].map(soundRecord);
  const rotten = records.filter((record) => record === undefined).length;
  const found = records.filter(
    (record) => record !== undefined && record.siblings.length > 0 && visibleSiblings(record).length === 0,
  ).length;
  if (count >= found && count <= found + rotten) return undefined;
  return `counts ${count} tombstones and has ${found}`;
}
