import type { Database, TreeTables } from "../ports/database.ts";
import { blockOf, leafOf } from "./leaf.ts";
import { LeafBlock } from "./leaf-block.ts";

const FIRST_LIST = 1;
const ROWS_PER_REPORT = 10_000;

/** A tree of no rows has an open list, and an older one at least a block: see tree-writer.ts. */
export function isBuilt(tree: TreeTables): boolean {
  return tree.heads().length > 0 || tree.changes(0).length > 0;
}

/** Builds the tree of a file that has none, in one transaction. To be called outside of any. */
export function ensureTree(database: Database, onProgress: (rows: number) => void): void {
  if (isBuilt(database.tree)) return;
  database.begin();
  try {
    buildTree(database, onProgress);
    database.commit();
  } catch (error) {
    database.rollback();
    throw error;
  }
}

/**
 * Builds the whole tree from the rows: one pass over them, within the caller's transaction. 5 MiB of memory for the
 * leaves while it lasts.
 */
export function buildTree(database: Database, onProgress?: (rows: number) => void): void {
  const blocks = new Map<number, LeafBlock>();
  let rows = 0;
  database.eachDigest((position, digest) => {
    const leaf = leafOf(position);
    let leaves = blocks.get(blockOf(leaf));
    if (leaves === undefined) blocks.set(blockOf(leaf), (leaves = new LeafBlock(blockOf(leaf), undefined)));
    leaves.addRow(leaf, digest);
    rows += 1;
    if (rows % ROWS_PER_REPORT === 0) onProgress?.(rows);
  });
  const { tree } = database;
  for (const leaves of blocks.values()) tree.writeBlock(leaves.stored(0));
  tree.writeChanges({ seq: FIRST_LIST, changes: new Uint8Array(0) });
}
