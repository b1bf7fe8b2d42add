import { type LeafHash, type LeafRange, LEAF_COUNT, type PartitionSummary } from "../ports/merkle-store.ts";
import { BLOCK_COUNT, blockOf, HASH_BYTES, LEAVES_PER_BLOCK, xorHash } from "./leaf.ts";
import type { TreeBlockHead, TreeTables } from "../ports/database.ts";
import { LeafBlock } from "./leaf-block.ts";
import { LeafChanges } from "./leaf-changes.ts";

/**
 * The tree as it is in one read transaction: blocks with the changes that wait for them (tree-writer.ts). Roots of up
 * to 256 partitions are sums of blocks and need no leaf; finer ones are computed from the leaves.
 */
export class TreeReader {
  readonly #tree: TreeTables;
  readonly #heads: readonly TreeBlockHead[];
  /** Of each block: the number of the last list that it contains. */
  readonly #through = new Array<number>(BLOCK_COUNT).fill(0);
  /** Not sorted by block, as the writer's are: most questions are about one block, and ask once. */
  readonly #lists: readonly { readonly seq: number; readonly changes: LeafChanges }[];

  constructor(tree: TreeTables) {
    this.#tree = tree;
    this.#heads = tree.heads();
    for (const head of this.#heads) this.#through[head.block] = head.through;
    this.#lists = tree.changes(0).map(({ seq, changes }) => ({ seq, changes: new LeafChanges(changes) }));
  }

  /** `partitions`: a power of two up to LEAF_COUNT. */
  partitions(partitions: number): PartitionSummary[] {
    const summaries = Array.from({ length: partitions }, () => ({
      root: new Uint8Array(HASH_BYTES),
      keys: 0,
    }));
    const leavesPerPartition = LEAF_COUNT / partitions;
    if (partitions > BLOCK_COUNT) this.#sumLeaves(summaries, leavesPerPartition);
    else this.#sumBlocks(summaries, leavesPerPartition);
    this.#addWaiting(summaries, leavesPerPartition);
    return summaries;
  }

  /** Leaves of the range whose hash is not zero, ascending. */
  leaves({ first, count }: LeafRange): LeafHash[] {
    const found: LeafHash[] = [];
    const end = Math.min(first + count, LEAF_COUNT);
    for (let block = blockOf(first); block * LEAVES_PER_BLOCK < end; block++) {
      if (!this.#isOccupied(block)) continue;
      const from = Math.max(first, block * LEAVES_PER_BLOCK);
      const to = Math.min(end, (block + 1) * LEAVES_PER_BLOCK);
      const leaves = this.block(block);
      for (let leaf = from; leaf < to; leaf++) {
        if (!leaves.isZero(leaf)) found.push({ leaf, hash: leaves.hashOf(leaf) });
      }
    }
    return found;
  }

  /** A leaf, the last, of each block that the range touches and whose root is not the sum of its leaves. */
  rootsWrong({ first, count }: LeafRange): number[] {
    const wrong: number[] = [];
    const end = Math.min(first + count, LEAF_COUNT);
    for (let block = blockOf(first); block * LEAVES_PER_BLOCK < end; block++) {
      if (this.#isOccupied(block) && !this.block(block).sumAgain())
        wrong.push((block + 1) * LEAVES_PER_BLOCK - 1);
    }
    return wrong;
  }

  block(block: number): LeafBlock {
    const leaves = new LeafBlock(block, this.#tree.block(block));
    for (const { seq, changes } of this.#lists) if (seq > this.#through[block]!) leaves.apply(changes);
    return leaves;
  }

  /** Those that have, or lately had, a leaf that is not empty; ascending. */
  occupiedBlocks(): number[] {
    const isOccupied = new Uint8Array(BLOCK_COUNT);
    for (const { block } of this.#heads) isOccupied[block] = 1;
    for (const { changes } of this.#lists) {
      for (let i = 0; i < changes.count; i++) isOccupied[blockOf(changes.leafAt(i))] = 1;
    }
    return Array.from({ length: BLOCK_COUNT }, (_, block) => block).filter(
      (block) => isOccupied[block] === 1,
    );
  }

  #isOccupied(block: number): boolean {
    if (this.#heads.some((head) => head.block === block)) return true;
    return this.#lists.some(({ changes }) => changes.concern(block));
  }

  #sumBlocks(summaries: Summary[], leavesPerPartition: number): void {
    for (const { block, root, keys } of this.#heads) {
      const summary = summaries[Math.floor((block * LEAVES_PER_BLOCK) / leavesPerPartition)]!;
      xorHash(summary.root, 0, root);
      summary.keys += keys;
    }
  }

  #sumLeaves(summaries: Summary[], leavesPerPartition: number): void {
    for (const { block } of this.#heads) {
      const leaves = new LeafBlock(block, this.#tree.block(block));
      const first = block * LEAVES_PER_BLOCK;
      for (let leaf = first; leaf < first + LEAVES_PER_BLOCK; leaf++) {
        const summary = summaries[Math.floor(leaf / leavesPerPartition)]!;
        xorHash(summary.root, 0, leaves.hashOf(leaf));
        summary.keys += leaves.keysOf(leaf);
      }
    }
  }

  #addWaiting(summaries: Summary[], leavesPerPartition: number): void {
    for (const { seq, changes } of this.#lists) {
      for (let i = 0; i < changes.count; i++) {
        const leaf = changes.leafAt(i);
        if (seq <= this.#through[blockOf(leaf)]!) continue;
        const summary = summaries[Math.floor(leaf / leavesPerPartition)]!;
        changes.xorInto(summary.root, 0, i);
        summary.keys += changes.keysAt(i);
      }
    }
  }
}

interface Summary {
  readonly root: Uint8Array;
  keys: number;
}
