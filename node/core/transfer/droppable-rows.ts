import type { NodeId } from "../node-id.ts";
import type { RowDigest } from "../ports/merkle-store.ts";
import type { DroppedRow } from "../ports/misplaced-store.ts";

/** What an owner made of a page of rows: it durably holds all that they say, but for those named here. */
export interface PageTaken {
  /** It will never take them. */
  readonly refused: readonly Uint8Array[];
  /** This node could not read them, and gave it nothing. */
  readonly unread: readonly Uint8Array[];
}

/**
 * Which rows of a page a node that does not own them may remove: those that every owner durably holds, and those that nobody can read
 * any more. None while one of the owners has not answered for the page: W of them would be enough for a read, but what was acknowledged
 * must not come to hang on fewer disks than it had.
 *
 * @param owners of the page's partition, before and after a change that is under way; this node is none of them
 */
export function droppableRows(
  page: readonly RowDigest[],
  owners: readonly NodeId[],
  taken: ReadonlyMap<NodeId, PageTaken>,
): readonly DroppedRow[] {
  if (owners.length === 0 || !owners.every((owner) => taken.has(owner))) return [];
  const refused = namesOf(owners.flatMap((owner) => taken.get(owner)!.refused));
  const unread = namesOf(owners.flatMap((owner) => taken.get(owner)!.unread));
  if (refused.size + unread.size === 0) return page;
  return page
    .filter(({ position }) => !refused.has(position.join()))
    .map((row) => (unread.has(row.position.join()) ? { ...row, isUnread: true } : row));
}

function namesOf(positions: readonly Uint8Array[]): ReadonlySet<string> {
  return new Set(positions.map((position) => position.join()));
}
