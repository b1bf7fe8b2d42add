import { type LeafHash, type LeafRange, LEAF_COUNT, type PartitionSummary } from "../ports/merkle-store.ts";
import { BLOCK_COUNT, blockOf, HASH_BYTES, LEAVES_PER_BLOCK, xorHash } from "./leaf.ts";
import type { TreeBlockHead, TreeTables } from "../ports/database.ts";
import { LeafBlock } from "./leaf-block.ts";
import { LeafChanges, WaitingChanges } from "./leaf-changes.ts";

/**
 * The tree as it is in one read transaction: blocks with the changes that wait for them (tree-writer.ts). Roots of up
 * to 256 partitions are sums of blocks and need no leaf; finer ones are computed from the leaves.
 */
export class TreeReader {
  readonly #tree: TreeTables;
  readonly #heads: readonly TreeBlockHead[];
  readonly #waiting = new WaitingChanges();

  constructor(tree: TreeTables) {
    this.#tree = tree;
    this.#heads = tree.heads();
    const through = new Array<number>(BLOCK_COUNT).fill(0);
    for (const head of this.#heads) through[head.block] = head.through;
    for (const { seq, changes } of tree.changes(0)) {
      this.#waiting.takeLater(new LeafChanges(changes), seq, through);
    }
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
    const end = Math.min(first + count, LEAF_COUNT);
    for (const block of [...this.occupiedBlocks()].sort((a, b) => a - b)) {
      const from = Math.max(first, block * LEAVES_PER_BLOCK);
      const to = Math.min(end, (block + 1) * LEAVES_PER_BLOCK);
      if (from >= to) continue;
      const leaves = this.block(block);
      for (let leaf = from; leaf < to; leaf++) {
        if (!leaves.isZero(leaf)) found.push({ leaf, hash: leaves.hashOf(leaf) });
      }
    }
    return found;
  }

  block(block: number): LeafBlock {
    const leaves = new LeafBlock(block, this.#tree.block(block));
    const changes = this.#waiting.of(block);
    if (changes !== undefined) leaves.apply(changes);
    return leaves;
  }

  /** Those that have, or lately had, a leaf that is not empty. */
  occupiedBlocks(): ReadonlySet<number> {
    const occupied = new Set(this.#heads.map(({ block }) => block));
    for (const block of this.#waiting.blocks()) occupied.add(block);
    return occupied;
  }

  #sumBlocks(summaries: { root: Uint8Array; keys: number }[], blocksPerPartition: number): void {
    const summaryOf = (block: number) => summaries[Math.floor(block / blocksPerPartition)]!;
    for (const { block, root, keys } of this.#heads) {
      xorHash(summaryOf(block).root, 0, root);
      summaryOf(block).keys += keys;
    }
    for (const block of this.#waiting.blocks()) {
      const changes = this.#waiting.of(block);
      for (let i = 0; i < (changes?.count ?? 0); i++) {
        changes!.xorInto(summaryOf(block).root, 0, i);
        summaryOf(block).keys += changes!.keysAt(i);
      }
    }
  }

  #sumLeaves(summaries: { root: Uint8Array; keys: number }[], leavesPerPartition: number): void {
    const occupied = this.occupiedBlocks();
    let leaves: LeafBlock | undefined;
    for (let leaf = 0; leaf < LEAF_COUNT; leaf++) {
      if (!occupied.has(blockOf(leaf))) continue;
      if (leaves?.block !== blockOf(leaf)) leaves = this.block(blockOf(leaf));
      const summary = summaries[Math.floor(leaf / leavesPerPartition)]!;
      xorHash(summary.root, 0, leaves.hashOf(leaf));
      summary.keys += leaves.keysOf(leaf);
    }
  }
}
