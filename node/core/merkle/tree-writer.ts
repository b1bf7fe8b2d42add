import { blockOf, BLOCK_COUNT, boundOf, HASH_BYTES, isZeroHash, xorHash } from "./leaf.ts";
import { LeafChanges, WaitingChanges } from "./leaf-changes.ts";
import { buildTree, isBuilt } from "./tree-build.ts";
import type { Database } from "../ports/database.ts";
import { LeafBlock } from "./leaf-block.ts";

/**
 * The Merkle tree of data.db, kept in the transactions of the rows (Dynamo §4.7). A put changes one leaf out of 2^18, so
 * leaves written where they belong would dirty one more page of 4 KiB for nearly every put. Instead each transaction
 * appends its changes to the one open list of changes, the same page again and again; CHANGES_PER_FOLD changes close
 * the list and fold all that waits for one block of leaves into it, the blocks taking turns.
 *
 * Invariant, at every commit: a leaf is what its block says, and every change in a list with a number above the
 * block's `through`. Lists are numbered by turns, and turn v folds block v mod 256: a list that is 256 turns old is in
 * all blocks, and is dropped. So all lists together hold some 256 × CHANGES_PER_FOLD changes, whatever happens.
 */
export const CHANGES_PER_FOLD = 128;

interface State {
  readonly open: LeafChanges;
  openSeq: number;
  /** Numbers of the lists on the disk, ascending; the open one is the last, if it was written. */
  readonly seqs: number[];
  /** Of all lists, what is not in the blocks. */
  readonly waiting: WaitingChanges;
}

export class TreeWriter {
  readonly #database: Database;
  readonly #changesPerFold: number;
  readonly #doubtful = new Set<number>();
  readonly #doubtfulBlocks = new Set<number>();
  /** Changes of the open list that are in `waiting`, and on the disk once the transaction is. */
  #flushed = 0;
  /** Undefined before the first transaction, and after one that failed. */
  #state: State | undefined;

  constructor(database: Database, changesPerFold = CHANGES_PER_FOLD) {
    this.#database = database;
    this.#changesPerFold = changesPerFold;
  }

  /** To be called within the transaction, before its first change. Builds the tree of a file that has none. */
  begin(): void {
    this.#state ??= this.#load();
  }

  /** A row was written or removed; undefined stands for no row. */
  replaced(position: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    this.#state!.open.replaced(position, before, after);
  }

  /** The leaf's hash may not be that of its rows: before the commit it is computed anew from them. */
  doubt(leaf: number): void {
    this.#doubtful.add(leaf);
  }

  /** The same, and what its block says of itself is not believed either: it is written anew. */
  rebuild(leaf: number): void {
    this.#doubtful.add(leaf);
    this.#doubtfulBlocks.add(blockOf(leaf));
  }

  /**
   * Writes what has changed. To be called within the transaction, after its last change. True where a doubt was right: a
   * leaf was not what its rows make.
   */
  flush(): boolean {
    const state = this.#state!;
    if (state.open.count === this.#flushed && this.#doubtful.size === 0) return false;
    this.#take(state);
    const wereWrong = this.#settleDoubts(state);
    const seq = state.openSeq;
    this.#database.tree.writeChanges({ seq, changes: state.open.bytes() });
    if (state.seqs.at(-1) !== seq) state.seqs.push(seq);
    const turns = Math.floor(state.open.count / this.#changesPerFold);
    const turnsMin = this.#doubtfulBlocks.size > 0 ? 1 : 0;
    if (Math.max(turns, turnsMin) > 0) this.#close(state, Math.max(turns, turnsMin));
    return wereWrong;
  }

  /** The transaction failed: nothing of it counts, and what was read of the disk may no longer be there. */
  forget(): void {
    this.#doubtful.clear();
    this.#doubtfulBlocks.clear();
    this.#flushed = 0;
    this.#state = undefined;
  }

  #load(): State {
    const { tree } = this.#database;
    if (!isBuilt(tree)) buildTree(this.#database);
    const through = new Array<number>(BLOCK_COUNT).fill(0);
    for (const head of tree.heads()) through[head.block] = head.through;
    const lists = tree.changes(0).map(({ seq, changes }) => ({ seq, changes: new LeafChanges(changes) }));
    const waiting = new WaitingChanges();
    for (const { seq, changes } of lists) waiting.takeLater(changes, seq, through);
    const seqs = lists.map(({ seq }) => seq);
    const last = lists.at(-1);
    // A list that some block contains is closed: what is appended to it would never reach that block.
    const closed = Math.max(...through);
    if (last !== undefined && last.seq > closed) {
      this.#flushed = last.changes.count;
      return { open: last.changes, openSeq: last.seq, seqs, waiting };
    }
    this.#flushed = 0;
    return { open: new LeafChanges(), openSeq: closed + 1, seqs, waiting };
  }

  #take({ open, waiting }: State): void {
    waiting.take(open, this.#flushed);
    this.#flushed = open.count;
  }

  #close(state: State, turns: number): void {
    const through = state.openSeq + turns - 1;
    for (const block of this.#doubtfulBlocks) this.#fold(block, state, through);
    this.#doubtfulBlocks.clear();
    for (let turn = 0; turn < Math.min(turns, BLOCK_COUNT); turn++) {
      this.#fold((state.openSeq + turn) % BLOCK_COUNT, state, through);
    }
    state.openSeq = through + 1;
    state.open.clear();
    this.#flushed = 0;
    const old = through + 1 - BLOCK_COUNT;
    if (state.seqs[0]! > old) return;
    this.#database.tree.dropChanges(old);
    while (state.seqs.length > 0 && state.seqs[0]! <= old) state.seqs.shift();
  }

  #fold(block: number, { waiting }: State, through: number): void {
    const changes = waiting.of(block);
    const isDoubtful = this.#doubtfulBlocks.has(block);
    // A block that stays behind misses nothing: the lists that it has not seen do not concern it.
    if (!isDoubtful && (changes === undefined || changes.count === 0)) return;
    const leaves = new LeafBlock(block, this.#database.tree.block(block));
    if (changes !== undefined) leaves.apply(changes);
    changes?.clear();
    if (isDoubtful) leaves.sumAgain();
    this.#database.tree.writeBlock(leaves.stored(through));
  }

  #settleDoubts(state: State): boolean {
    if (this.#doubtful.size === 0) return false;
    let wereWrong = false;
    for (const leaf of this.#doubtful) if (this.#correct(leaf, state)) wereWrong = true;
    this.#doubtful.clear();
    this.#take(state);
    return wereWrong;
  }

  /** Adds the change that makes the leaf what its rows say. Whether it was something else. */
  #correct(leaf: number, { open, waiting }: State): boolean {
    const block = blockOf(leaf);
    const leaves = new LeafBlock(block, this.#database.tree.block(block));
    const changes = waiting.of(block);
    if (changes !== undefined) leaves.apply(changes);
    const { keys, hash } = leafOfRows(this.#database, leaf);
    xorHash(hash, 0, leaves.hashOf(leaf));
    const keysMissed = keys - leaves.keysOf(leaf);
    open.add(leaf, keysMissed, hash);
    return keysMissed !== 0 || !isZeroHash(hash);
  }
}

const ROWS_PER_READ = 1_024;

/** What a leaf has to be: XOR of the digests of its rows, and their number. */
function leafOfRows(database: Database, leaf: number): { keys: number; hash: Uint8Array } {
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
