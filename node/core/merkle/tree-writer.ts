import { blockOf, BLOCK_COUNT, boundOf, HASH_BYTES, xorHash } from "./leaf.ts";
import { CHANGE_BYTES, LeafChanges } from "./leaf-changes.ts";
import type { Database } from "../ports/database.ts";
import { buildTree } from "./tree-build.ts";
import { LeafBlock } from "./leaf-block.ts";

/**
 * The Merkle tree of data.db, kept in the transactions of the rows (Dynamo §4.7). A put changes one leaf out of 2^18, so
 * leaves written where they belong would dirty one more page of 4 KiB for nearly every put. Instead each transaction
 * appends its changes to the one open list of changes, the same page again and again; each CHANGES_PER_FOLD changes
 * close the list and fold all changes that wait into one block of leaves, the blocks taking turns.
 *
 * Invariant, at every commit: a leaf is what its block says, and every change in a list with a number above the
 * block's `through`. Turn v folds block v mod 256, lists are numbered by turns: a list that is 256 turns old is in all
 * blocks, and is dropped. So lists hold some 256 × 64 changes, whatever happens.
 */
export const CHANGES_PER_FOLD = 64;

/** The lists as they are on the disk, but for the open transaction's. */
interface Lists {
  /** By number, ascending; the last one is open. */
  readonly bySeq: Map<number, Uint8Array>;
  open: number;
}

export class TreeWriter {
  readonly #database: Database;
  readonly #changesPerFold: number;
  readonly #pending = new LeafChanges();
  readonly #doubtful = new Set<number>();
  readonly #resum = new Set<number>();
  /** Undefined until the first transaction, and after one that failed. */
  #lists: Lists | undefined;

  constructor(database: Database, changesPerFold = CHANGES_PER_FOLD) {
    this.#database = database;
    this.#changesPerFold = changesPerFold;
  }

  /** A row was written or removed; undefined stands for no row. */
  replaced(position: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    this.#pending.replaced(position, before, after);
  }

  /** The leaf's hash may not be that of its rows: before the commit it is computed anew from them. */
  doubt(leaf: number): void {
    this.#doubtful.add(leaf);
  }

  /** The same, and the sum of its block is not believed either. */
  rebuild(leaf: number): void {
    this.#doubtful.add(leaf);
    this.#resum.add(blockOf(leaf));
  }

  /** Writes what has changed. To be called within the transaction, after its last row. */
  flush(): void {
    if (this.#pending.count === 0 && this.#doubtful.size === 0) return;
    const lists = (this.#lists ??= this.#load());
    if (this.#doubtful.size > 0) this.#computeDoubtful(lists);
    const changes = this.#pending.appendedTo(lists.bySeq.get(lists.open)!);
    this.#pending.clear();
    this.#write(lists, changes);
  }

  /** The transaction failed: nothing of it counts, and what was read of the disk may no longer be there. */
  forget(): void {
    this.#pending.clear();
    this.#doubtful.clear();
    this.#resum.clear();
    this.#lists = undefined;
  }

  #load(): Lists {
    const { tree } = this.#database;
    let lists = tree.changes(0);
    if (lists.length === 0) {
      // A file without a tree: its rows of this transaction are in the build already.
      buildTree(this.#database);
      this.#pending.clear();
      lists = tree.changes(0);
    }
    const bySeq = new Map(lists.map(({ seq, changes }) => [seq, changes]));
    return { bySeq, open: lists.at(-1)!.seq };
  }

  #write(lists: Lists, changes: Uint8Array): void {
    const { tree } = this.#database;
    const seq = lists.open;
    lists.bySeq.set(seq, changes);
    tree.writeChanges({ seq, changes });
    const turns = Math.floor(changes.length / CHANGE_BYTES / this.#changesPerFold);
    if (turns === 0) return;
    const through = seq + turns - 1;
    for (let turn = 0; turn < Math.min(turns, BLOCK_COUNT); turn++) {
      this.#fold((seq + turn) % BLOCK_COUNT, lists, through);
    }
    lists.open = seq + turns;
    lists.bySeq.set(lists.open, nothing);
    tree.writeChanges({ seq: lists.open, changes: nothing });
    this.#drop(lists, lists.open - BLOCK_COUNT);
  }

  #fold(block: number, { bySeq }: Lists, through: number): void {
    const { tree } = this.#database;
    const stored = tree.block(block);
    const leaves = new LeafBlock(block, stored?.leaves);
    const folded = stored?.through ?? 0;
    let applied = 0;
    for (const [seq, changes] of bySeq) if (seq > folded) applied += leaves.apply(changes);
    // A block that stays behind misses nothing: the lists that it has not seen did not concern it.
    if (applied === 0) return;
    tree.writeBlock({ block, through, keys: leaves.keys(), root: leaves.root(), leaves: leaves.pack() });
  }

  #drop({ bySeq }: Lists, through: number): void {
    let dropped = false;
    for (const seq of bySeq.keys()) {
      if (seq > through) break;
      bySeq.delete(seq);
      dropped = true;
    }
    if (dropped) this.#database.tree.dropChanges(through);
  }

  #computeDoubtful(lists: Lists): void {
    for (const block of this.#resum) this.#sumAgain(block, lists);
    this.#resum.clear();
    const wanted = [...this.#doubtful].map((leaf) => this.#difference(leaf, lists));
    this.#doubtful.clear();
    for (const { leaf, keys, hash } of wanted) this.#pending.add(leaf, keys, hash);
  }

  #sumAgain(block: number, { open }: Lists): void {
    const { tree } = this.#database;
    const stored = tree.block(block);
    if (stored === undefined) return;
    const leaves = new LeafBlock(block, stored.leaves);
    const sums = { keys: leaves.keys(), root: leaves.root(), leaves: leaves.pack() };
    // A number from the future, which a bad disk can make, would hide every change to come.
    tree.writeBlock({ block, through: Math.min(stored.through, open - 1), ...sums });
  }

  /** The change that makes the leaf what its rows say. */
  #difference(leaf: number, { bySeq }: Lists): { leaf: number; keys: number; hash: Uint8Array } {
    const stored = this.#database.tree.block(blockOf(leaf));
    const leaves = new LeafBlock(blockOf(leaf), stored?.leaves);
    for (const [seq, changes] of bySeq) if (seq > (stored?.through ?? 0)) leaves.apply(changes);
    leaves.apply(this.#pending.view());
    const { keys, hash } = leafOfRows(this.#database, leaf);
    xorHash(hash, 0, leaves.hashOf(leaf));
    return { leaf, keys: keys - leaves.keysOf(leaf), hash };
  }
}

const nothing = new Uint8Array(0);
const ROWS_PER_READ = 1_024;

/** What a leaf has to be: XOR of the digests of its rows, and their number. */
export function leafOfRows(database: Database, leaf: number): { keys: number; hash: Uint8Array } {
  const hash = new Uint8Array(HASH_BYTES);
  const before = boundOf(leaf + 1);
  let keys = 0;
  for (let after = boundOf(leaf); ;) {
    const rows = database.digests(after, before, ROWS_PER_READ);
    for (const { digest } of rows) xorHash(hash, 0, digest);
    keys += rows.length;
    if (rows.length < ROWS_PER_READ) return { keys, hash };
    after = rows.at(-1)!.position;
  }
}
