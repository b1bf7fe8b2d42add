import { randomFillSync } from "node:crypto";
import { invariant } from "../core/invariant.ts";
import type { Random } from "../core/ports/random.ts";

const POOL_BYTES = 4096;
const LIMIT_MAX = 2 ** 32;

/**
 * The operating system's randomness, fetched 4 KiB at a time: a call to it costs microseconds, and requests ask often.
 * Invariant: no byte of the pool is given out twice.
 */
export class CryptoRandom implements Random {
  readonly #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;

  bytes(length: number): Uint8Array {
    if (length > POOL_BYTES / 4) return randomFillSync(new Uint8Array(length));
    const at = this.#take(length);
    return this.#pool.slice(at, at + length);
  }

  below(limit: number): number {
    invariant(
      Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX,
      `a limit from 1 to 2^32, not ${limit}`,
    );
    // Values in the last, incomplete stretch would make the low results likelier: draw again.
    const usable = LIMIT_MAX - (LIMIT_MAX % limit);
    for (;;) {
      const value = this.#u32();
      if (value < usable) return value % limit;
    }
  }

  #u32(): number {
    const at = this.#take(4);
    const pool = this.#pool;
    return ((pool[at]! << 24) | (pool[at + 1]! << 16) | (pool[at + 2]! << 8) | pool[at + 3]!) >>> 0;
  }

  #take(length: number): number {
    if (this.#used + length > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const at = this.#used;
    this.#used += length;
    return at;
  }
}
