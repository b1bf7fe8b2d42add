import { blockOf, HASH_BYTES, isZeroHash, LEAVES_PER_BLOCK, xorHash } from "./leaf.ts";
import { eachChange, int, putInt } from "./leaf-changes.ts";

/**
 * One block of leaves, unpacked to be changed and read. Packed, leaves that are not empty stand in ascending order:
 * index in the block (2 bytes) · rows (4, signed) · hash (16). Any bytes can be unpacked: what a bad disk made of them
 * is a wrong hash, which the check against the rows finds and mends.
 */
const LEAF_BYTES = 2 + 4 + HASH_BYTES;

export class LeafBlock {
  readonly block: number;
  readonly #hashes = new Uint8Array(LEAVES_PER_BLOCK * HASH_BYTES);
  readonly #keys = new Int32Array(LEAVES_PER_BLOCK);

  constructor(block: number, packed: Uint8Array | undefined) {
    this.block = block;
    if (packed === undefined) return;
    for (let at = 0; at + LEAF_BYTES <= packed.length; at += LEAF_BYTES) {
      const index = ((packed[at]! << 8) | packed[at + 1]!) % LEAVES_PER_BLOCK;
      this.#keys[index] = int(packed, at + 2);
      this.#hashes.set(packed.subarray(at + 6, at + LEAF_BYTES), index * HASH_BYTES);
    }
  }

  /** Adds those of the changes that are in this block; returns how many these were. */
  apply(changes: Uint8Array): number {
    let applied = 0;
    eachChange(changes, (leaf, keys, hashAt) => {
      if (blockOf(leaf) !== this.block) return;
      this.change(leaf, keys, changes, hashAt);
      applied += 1;
    });
    return applied;
  }

  change(leaf: number, keys: number, hash: Uint8Array, hashAt = 0): void {
    const index = leaf % LEAVES_PER_BLOCK;
    this.#keys[index]! += keys;
    xorHash(this.#hashes, index * HASH_BYTES, hash, hashAt);
  }

  keysOf(leaf: number): number {
    return this.#keys[leaf % LEAVES_PER_BLOCK]!;
  }

  /** A view that follows later changes. */
  hashOf(leaf: number): Uint8Array {
    const at = (leaf % LEAVES_PER_BLOCK) * HASH_BYTES;
    return this.#hashes.subarray(at, at + HASH_BYTES);
  }

  /** XOR of all leaves. */
  root(): Uint8Array {
    const root = new Uint8Array(HASH_BYTES);
    for (let at = 0; at < this.#hashes.length; at += HASH_BYTES) xorHash(root, 0, this.#hashes, at);
    return root;
  }

  keys(): number {
    return this.#keys.reduce((sum, keys) => sum + keys, 0);
  }

  pack(): Uint8Array {
    const packed = new Uint8Array(LEAVES_PER_BLOCK * LEAF_BYTES);
    let at = 0;
    for (let index = 0; index < LEAVES_PER_BLOCK; index++) {
      const hashAt = index * HASH_BYTES;
      if (this.#keys[index] === 0 && isZeroHash(this.#hashes, hashAt)) continue;
      packed[at] = index >> 8;
      packed[at + 1] = index;
      putInt(packed, at + 2, this.#keys[index]!);
      packed.set(this.#hashes.subarray(hashAt, hashAt + HASH_BYTES), at + 6);
      at += LEAF_BYTES;
    }
    return packed.slice(0, at);
  }
}
