import { BLOCK_COUNT, blockOf, HASH_BYTES, leafOf, LEAVES_PER_BLOCK, xorHash } from "./leaf.ts";

/**
 * Changes of leaves, packed one behind the other: leaf (4 bytes) · rows more (4, signed) · hash to XOR in (16). Changes
 * of one leaf add up in any order, so lists of them can be split, joined and replayed freely. A list grows in place: a
 * put costs one change and no object. Any bytes can be read as changes; too few for one are ignored.
 */
export class LeafChanges {
  #bytes: Uint8Array;
  #length = 0;

  constructor(bytes?: Uint8Array) {
    this.#bytes = bytes ?? new Uint8Array(8 * CHANGE_BYTES);
    if (bytes !== undefined) this.#length = bytes.length - (bytes.length % CHANGE_BYTES);
  }

  get count(): number {
    return this.#length / CHANGE_BYTES;
  }

  leafAt(index: number): number {
    return readInt(this.#bytes, index * CHANGE_BYTES) & LEAF_MASK;
  }

  keysAt(index: number): number {
    return readInt(this.#bytes, index * CHANGE_BYTES + 4);
  }

  /** Whether there is one in the block. */
  concern(block: number): boolean {
    for (let i = 0; i < this.count; i++) if (blockOf(this.leafAt(i)) === block) return true;
    return false;
  }

  /** target ^= the hash. */
  xorInto(target: Uint8Array, at: number, index: number): void {
    xorHash(target, at, this.#bytes, index * CHANGE_BYTES + HASH_AT);
  }

  /** The row at `position` had the digest `before` and has `after`; undefined where there was, or is, no row. */
  replaced(position: Uint8Array, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const at = this.#next(leafOf(position), Number(after !== undefined) - Number(before !== undefined));
    this.#bytes.fill(0, at, at + HASH_BYTES);
    if (before !== undefined) xorHash(this.#bytes, at, before);
    if (after !== undefined) xorHash(this.#bytes, at, after);
  }

  add(leaf: number, keys: number, hash: Uint8Array): void {
    const at = this.#next(leaf, keys);
    this.#bytes.set(hash, at);
  }

  copyFrom(other: LeafChanges, index: number): void {
    const at = this.#next(other.leafAt(index), other.keysAt(index));
    const from = index * CHANGE_BYTES + HASH_AT;
    for (let i = 0; i < HASH_BYTES; i++) this.#bytes[at + i] = other.#bytes[from + i]!;
  }

  /** A copy. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  clear(): void {
    this.#length = 0;
  }

  /** Writes all but the hash and returns where that goes: in `#bytes` as it is afterwards. */
  #next(leaf: number, keys: number): number {
    if (this.#length + CHANGE_BYTES > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(8 * CHANGE_BYTES, 2 * this.#length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    const at = this.#length;
    writeInt(this.#bytes, at, leaf);
    writeInt(this.#bytes, at + 4, keys);
    this.#length += CHANGE_BYTES;
    return at + HASH_AT;
  }
}

/** Changes that wait to be folded into their blocks, sorted by them. */
export class WaitingChanges {
  readonly #byBlock = new Map<number, LeafChanges>();

  /** Takes in those from `first` on. */
  take(changes: LeafChanges, first: number): void {
    for (let i = first; i < changes.count; i++) {
      this.#ofOrNew(blockOf(changes.leafAt(i))).copyFrom(changes, i);
    }
  }

  /** The same without those that their block contains: lists up to `through[block]`. */
  takeLater(changes: LeafChanges, seq: number, through: readonly number[]): void {
    for (let i = 0; i < changes.count; i++) {
      const block = blockOf(changes.leafAt(i));
      if (seq > through[block]!) this.#ofOrNew(block).copyFrom(changes, i);
    }
  }

  of(block: number): LeafChanges | undefined {
    return this.#byBlock.get(block);
  }

  #ofOrNew(block: number): LeafChanges {
    let changes = this.#byBlock.get(block);
    if (changes === undefined) this.#byBlock.set(block, (changes = new LeafChanges()));
    return changes;
  }
}

const CHANGE_BYTES = 4 + 4 + HASH_BYTES;
const HASH_AT = 8;
const LEAF_MASK = BLOCK_COUNT * LEAVES_PER_BLOCK - 1;

export function writeInt(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 24;
  bytes[at + 1] = value >> 16;
  bytes[at + 2] = value >> 8;
  bytes[at + 3] = value;
}

/** Signed. */
export function readInt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
