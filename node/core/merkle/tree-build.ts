import { BLOCK_COUNT, blockOf, leafOf } from "./leaf.ts";
import type { Database } from "../ports/database.ts";
import { LeafBlock } from "./leaf-block.ts";

/** The number of the first list of changes. A tree is there when its open list is. */
const FIRST_LIST = 1;
const ROWS_PER_REPORT = 100_000;

/** Builds the tree of a file that has none, in one transaction. To be called outside of any. */
export function ensureTree(database: Database, onProgress: (rows: number) => void): void {
  if (database.tree.changes(0).length > 0) return;
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
 * Builds the whole tree from the rows, for a file that has none: one pass over the rows, within the caller's
 * transaction. 5 MiB of memory for the leaves while it lasts.
 */
export function buildTree(database: Database, onProgress?: (rows: number) => void): void {
  const blocks = new Map<number, LeafBlock>();
  let rows = 0;
  database.eachDigest((position, digest) => {
    const leaf = leafOf(position);
    let leaves = blocks.get(blockOf(leaf));
    if (leaves === undefined) blocks.set(blockOf(leaf), (leaves = new LeafBlock(blockOf(leaf), undefined)));
    leaves.change(leaf, 1, digest);
    rows += 1;
    if (rows % ROWS_PER_REPORT === 0) onProgress?.(rows);
  });
  const { tree } = database;
  for (let block = 0; block < BLOCK_COUNT; block++) {
    const leaves = blocks.get(block);
    if (leaves === undefined) continue;
    tree.writeBlock({ block, through: 0, keys: leaves.keys(), root: leaves.root(), leaves: leaves.pack() });
  }
  tree.writeChanges({ seq: FIRST_LIST, changes: new Uint8Array(0) });
}
