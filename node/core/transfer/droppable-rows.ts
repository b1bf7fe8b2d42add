import type { NodeId } from "../node-id.ts";
import type { RowDigest } from "../ports/merkle-store.ts";

/** What an owner made of a page of rows: it durably holds all that they say, but for those that it will never take. */
export interface PageTaken {
  readonly refused: readonly Uint8Array[];
}

/**
 * Which rows of a page a node that does not own them may remove: those that every owner durably holds. None while one of the owners
 * has not answered for the page: W of them would be enough for a read, but what was acknowledged must not come to hang on fewer disks
 * than it had.
 *
 * @param owners of the page's partition, before and after a change that is under way; this node is none of them
 */
export function droppableRows(
  page: readonly RowDigest[],
  owners: readonly NodeId[],
  taken: ReadonlyMap<NodeId, PageTaken>,
): readonly RowDigest[] {
  if (owners.length === 0 || !owners.every((owner) => taken.has(owner))) return [];
  const refused = new Set(
    owners.flatMap((owner) => taken.get(owner)!.refused.map((position) => position.join())),
  );
  return refused.size === 0 ? page : page.filter(({ position }) => !refused.has(position.join()));
}
