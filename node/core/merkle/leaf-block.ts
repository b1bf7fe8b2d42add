import { blockOf, HASH_BYTES, isZeroHash, LEAVES_PER_BLOCK, xorHash } from "./leaf.ts";
import { type LeafChanges, readInt, writeInt } from "./leaf-changes.ts";
import type { TreeBlock } from "../ports/database.ts";

/**
 * One block of leaves, to be changed and read in the form in which it is stored: all hashes, then the number of rows
 * of each leaf (4 bytes, signed), 20 KiB whatever is in it. So a fold touches nothing but the leaves that change, and
 * the database overwrites the block where it lies. Any bytes can be read as a block: what a bad disk made of them is a
 * wrong hash, which the check against the rows finds and mends.
 */
const KEYS_AT = LEAVES_PER_BLOCK * HASH_BYTES;
const KEYS_BYTES = 4;
const BLOCK_BYTES = KEYS_AT + LEAVES_PER_BLOCK * KEYS_BYTES;

export class LeafBlock {
  readonly block: number;
  readonly #root: Uint8Array;
  readonly #leaves: Uint8Array;
  #keys: number;

  /** Takes the bytes of `stored` over and changes them. */
  constructor(block: number, stored: TreeBlock | undefined) {
    this.block = block;
    this.#root = sized(stored?.root, HASH_BYTES);
    this.#leaves = sized(stored?.leaves, BLOCK_BYTES);
    this.#keys = stored?.keys ?? 0;
  }

  /** Those of the changes that are in this block. */
  apply(changes: LeafChanges): void {
    for (let i = 0; i < changes.count; i++) {
      const leaf = changes.leafAt(i);
      if (blockOf(leaf) !== this.block) continue;
      const index = leaf % LEAVES_PER_BLOCK;
      changes.xorInto(this.#leaves, index * HASH_BYTES, i);
      changes.xorInto(this.#root, 0, i);
      this.#addKeys(index, changes.keysAt(i));
    }
  }

  /** One row more, with this digest. */
  addRow(leaf: number, digest: Uint8Array): void {
    xorHash(this.#leaves, (leaf % LEAVES_PER_BLOCK) * HASH_BYTES, digest);
    xorHash(this.#root, 0, digest);
    this.#addKeys(leaf % LEAVES_PER_BLOCK, 1);
  }

  keysOf(leaf: number): number {
    return readInt(this.#leaves, KEYS_AT + (leaf % LEAVES_PER_BLOCK) * KEYS_BYTES);
  }

  /** Whether the hash is that of an empty leaf; costs no view of it. */
  isZero(leaf: number): boolean {
    return isZeroHash(this.#leaves, (leaf % LEAVES_PER_BLOCK) * HASH_BYTES);
  }

  /** A view that follows later changes. */
  hashOf(leaf: number): Uint8Array {
    const at = (leaf % LEAVES_PER_BLOCK) * HASH_BYTES;
    return this.#leaves.subarray(at, at + HASH_BYTES);
  }

  /** To be stored as containing all lists up to `through`. Shares its bytes with this object. */
  stored(through: number): TreeBlock {
    return { block: this.block, through, keys: this.#keys, root: this.#root, leaves: this.#leaves };
  }

  /** Computes root and number of rows from the leaves; true where they were that already. */
  sumAgain(): boolean {
    // Not slice(): what came from SQLite is a Buffer, whose slice is no copy.
    const before = { root: new Uint8Array(this.#root), keys: this.#keys };
    this.#root.fill(0);
    this.#keys = 0;
    for (let index = 0; index < LEAVES_PER_BLOCK; index++) {
      xorHash(this.#root, 0, this.#leaves, index * HASH_BYTES);
      this.#keys += this.keysOf(index);
    }
    return this.#keys === before.keys && this.#root.every((byte, i) => byte === before.root[i]);
  }

  #addKeys(index: number, keys: number): void {
    if (keys === 0) return;
    const at = KEYS_AT + index * KEYS_BYTES;
    writeInt(this.#leaves, at, readInt(this.#leaves, at) + keys);
    this.#keys += keys;
  }
}

function sized(bytes: Uint8Array | undefined, length: number): Uint8Array {
  if (bytes?.length === length) return bytes;
  const right = new Uint8Array(length);
  if (bytes !== undefined) right.set(bytes.subarray(0, length));
  return right;
}
