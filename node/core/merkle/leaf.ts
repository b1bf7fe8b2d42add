import { LEAF_BITS, LEAF_COUNT } from "../ports/merkle-store.ts";

/**
 * The geometry of the Merkle tree: a leaf is the top 18 bits of a position, a block is 1,024 consecutive leaves, which
 * is a partition of the default ring. Both are contiguous ranges of positions, hence of the one index on them, and do
 * not depend on the number of partitions.
 */
export const BLOCK_COUNT = 256;
export const LEAVES_PER_BLOCK = LEAF_COUNT / BLOCK_COUNT;
export const HASH_BYTES = 16;

const BLOCK_SHIFT = LEAF_BITS - 8;

export function leafOf(position: Uint8Array): number {
  return (position[0]! << 10) | (position[1]! << 2) | (position[2]! >> 6);
}

export function blockOf(leaf: number): number {
  return leaf >> BLOCK_SHIFT;
}

/**
 * Bytes that sort after every position before the leaf and before every position in it. `leaf` may be LEAF_COUNT: then
 * they sort after all positions.
 */
export function boundOf(leaf: number): Uint8Array {
  if (leaf >= LEAF_COUNT) return new Uint8Array(HASH_BYTES + 1).fill(0xff);
  return Uint8Array.of(leaf >> 10, (leaf >> 2) & 0xff, (leaf & 3) << 6);
}

/** target ^= source, 16 bytes each. */
export function xorHash(target: Uint8Array, at: number, source: Uint8Array, from = 0): void {
  for (let i = 0; i < HASH_BYTES; i++) target[at + i]! ^= source[from + i]!;
}

export function isZeroHash(bytes: Uint8Array, at = 0): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (bytes[at + i] !== 0) return false;
  return true;
}
