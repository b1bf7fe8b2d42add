import { HASH_BYTES, leafOf, xorHash } from "./leaf.ts";
import { LEAF_COUNT } from "../ports/merkle-store.ts";

/**
 * Changes of leaves, packed one behind the other: leaf (4 bytes) · rows more (4, signed) · hash to XOR in (16). Changes
 * of one leaf add up in any order, so a list of them can be appended to, split and replayed freely.
 */
export const CHANGE_BYTES = 4 + 4 + HASH_BYTES;
const HASH_AT = 8;

/** A list that grows in place: a put costs one change and no object. */
export class LeafChanges {
  #bytes = new Uint8Array(64 * CHANGE_BYTES);
  #length = 0;

  get count(): number {
    return this.#length / CHANGE_BYTES;
  }

  /** The row at `position` had the digest `before` and has `after`; undefined where there was, or is, no row. */
  replaced(position: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const at = this.#next(leafOf(position), Number(after !== undefined) - Number(before !== undefined));
    if (before !== undefined) xorHash(this.#bytes, at, before);
    if (after !== undefined) xorHash(this.#bytes, at, after);
  }

  add(leaf: number, keys: number, hash: Uint8Array): void {
    this.#bytes.set(hash, this.#next(leaf, keys));
  }

  /** A copy of `first` with this list behind it. */
  appendedTo(first: Uint8Array): Uint8Array {
    const all = new Uint8Array(first.length + this.#length);
    all.set(first);
    all.set(this.#bytes.subarray(0, this.#length), first.length);
    return all;
  }

  /** What is in the list, until the next change. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Writes all but the hash, which is zero, and returns where that stands. */
  #next(leaf: number, keys: number): number {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#bytes.length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    const at = this.#length;
    const bytes = this.#bytes;
    putInt(bytes, at, leaf);
    putInt(bytes, at + 4, keys);
    bytes.fill(0, at + HASH_AT, at + CHANGE_BYTES);
    this.#length += CHANGE_BYTES;
    return at + HASH_AT;
  }
}

/**
 * Calls `visit` with each change; `hashAt` is where its hash stands in `changes`. Whatever the bytes are, leaves are
 * in range; bytes too few for a change are ignored.
 */
export function eachChange(
  changes: Uint8Array,
  visit: (leaf: number, keys: number, hashAt: number) => void,
): void {
  for (let at = 0; at + CHANGE_BYTES <= changes.length; at += CHANGE_BYTES) {
    visit(int(changes, at) & (LEAF_COUNT - 1), int(changes, at + 4), at + HASH_AT);
  }
}

export function putInt(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

/** Signed. */
export function int(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
