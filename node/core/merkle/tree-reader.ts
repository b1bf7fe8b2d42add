import { type LeafHash, type LeafRange, LEAF_COUNT, type PartitionSummary } from "../ports/merkle-store.ts";
import { BLOCK_COUNT, blockOf, HASH_BYTES, isZeroHash, xorHash } from "./leaf.ts";
import type { TreeChanges, TreeTables } from "../ports/database.ts";
import { eachChange } from "./leaf-changes.ts";
import { compareBytes } from "../version/record.ts";
import { LeafBlock } from "./leaf-block.ts";

/**
 * The tree as it is in one read transaction: blocks with the changes that wait for them (tree-writer.ts). Roots of up
 * to 256 partitions are sums of blocks and need no leaf; finer ones are computed from the leaves.
 */
export class TreeReader {
  readonly #tree: TreeTables;
  #changes: readonly TreeChanges[] | undefined;

  constructor(tree: TreeTables) {
    this.#tree = tree;
  }

  /** `partitions`: a power of two up to LEAF_COUNT. */
  partitions(partitions: number): PartitionSummary[] {
    const summaries = Array.from({ length: partitions }, () => ({
      root: new Uint8Array(HASH_BYTES),
      keys: 0,
    }));
    if (partitions > BLOCK_COUNT) this.#sumLeaves(summaries, LEAF_COUNT / partitions);
    else this.#sumBlocks(summaries, BLOCK_COUNT / partitions);
    return summaries;
  }

  /** Leaves of the range whose hash is not zero, ascending. */
  leaves({ first, count }: LeafRange): LeafHash[] {
    const found: LeafHash[] = [];
    let leaves: LeafBlock | undefined;
    for (let leaf = first; leaf < Math.min(first + count, LEAF_COUNT); leaf++) {
      if (leaves?.block !== blockOf(leaf)) leaves = this.block(blockOf(leaf));
      const hash = leaves.hashOf(leaf);
      if (!isZeroHash(hash)) found.push({ leaf, hash });
    }
    return found;
  }

  block(block: number): LeafBlock {
    const stored = this.#tree.block(block);
    const leaves = new LeafBlock(block, stored?.leaves);
    const through = stored?.through ?? 0;
    for (const { seq, changes } of this.#waiting()) if (seq > through) leaves.apply(changes);
    return leaves;
  }

  /** Those with a leaf that is not empty, or that was not a short while ago. */
  occupiedBlocks(): ReadonlySet<number> {
    const occupied = new Set(this.#tree.heads().map(({ block }) => block));
    for (const { changes } of this.#waiting()) eachChange(changes, (leaf) => occupied.add(blockOf(leaf)));
    return occupied;
  }

  /** Whether what the block says of itself is the sum of its leaves. */
  isSumOfLeaves(block: number): boolean {
    const stored = this.#tree.block(block);
    if (stored === undefined) return true;
    const leaves = new LeafBlock(block, stored.leaves);
    return leaves.keys() === stored.keys && compareBytes(leaves.root(), stored.root) === 0;
  }

  #sumBlocks(summaries: { root: Uint8Array; keys: number }[], blocksPerPartition: number): void {
    const through = new Array<number>(BLOCK_COUNT).fill(0);
    for (const head of this.#tree.heads()) {
      const summary = summaries[Math.floor(head.block / blocksPerPartition)]!;
      xorHash(summary.root, 0, head.root);
      summary.keys += head.keys;
      through[head.block] = head.through;
    }
    for (const { seq, changes } of this.#waiting()) {
      eachChange(changes, (leaf, keys, hashAt) => {
        const block = blockOf(leaf);
        if (seq <= through[block]!) return;
        const summary = summaries[Math.floor(block / blocksPerPartition)]!;
        xorHash(summary.root, 0, changes, hashAt);
        summary.keys += keys;
      });
    }
  }

  #sumLeaves(summaries: { root: Uint8Array; keys: number }[], leavesPerPartition: number): void {
    let leaves: LeafBlock | undefined;
    for (let leaf = 0; leaf < LEAF_COUNT; leaf++) {
      if (leaves?.block !== blockOf(leaf)) leaves = this.block(blockOf(leaf));
      const summary = summaries[Math.floor(leaf / leavesPerPartition)]!;
      xorHash(summary.root, 0, leaves.hashOf(leaf));
      summary.keys += leaves.keysOf(leaf);
    }
  }

  #waiting(): readonly TreeChanges[] {
    return (this.#changes ??= this.#tree.changes(0));
  }
}
