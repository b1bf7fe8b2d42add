/**
 * All chance of a simulation. A stream is named by the seed and a path of labels ("network", a, b, 17), hashed to the
 * state of a xoshiro128** generator; forking does not draw from the parent. So the n-th message of a link gets the
 * same luck whatever happened elsewhere: deleting one operation does not shift the rest, and a seed can be shrunk.
 */
export type Label = string | number;

export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  /** The state that labels are hashed onto; drawing does not change it. */
  readonly #root: readonly [number, number, number, number];

  private constructor(root: readonly [number, number, number, number]) {
    this.#root = root;
    [this.#a, this.#b, this.#c, this.#d] = root;
    if ((this.#a | this.#b | this.#c | this.#d) === 0) this.#a = 1;
  }

  static ofSeed(seed: number): SeededRandom {
    return new SeededRandom(absorb([0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x452821e6], seed));
  }

  /** An independent stream; equal labels give equal streams. */
  fork(...labels: Label[]): SeededRandom {
    let state = this.#root;
    for (const label of labels) state = absorb(state, label);
    return new SeededRandom(state);
  }

  /** Uniform over 32 bits (xoshiro128**). */
  u32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** A uniform integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  between(low: number, high: number): number {
    return low + this.unit() * (high - low);
  }

  /** Mostly near `low`, now and then near `high`: the shape of latencies. */
  skewed(low: number, high: number): number {
    const u = this.unit();
    return low + u * u * u * (high - low);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    if (choices.length === 0) throw new RangeError("nothing to pick from");
    return choices[this.below(choices.length)] as T;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() & 0xff);
  }
}

type State = readonly [number, number, number, number];

/** One label into the state: murmur3's 128-bit round per word, its finalizer at the end. */
function absorb([h1, h2, h3, h4]: State, label: Label): State {
  const isNumber = typeof label === "number";
  const length = isNumber ? 2 : label.length;
  for (let i = 0; i < length; i++) {
    const word = isNumber ? wordOf(label, i) : label.charCodeAt(i);
    h1 = (Math.imul(h1 ^ mixWord(word, 0x239b961b, 15, 0xab0e9789), 5) + h2 + 0x561ccd1b) | 0;
    h2 = (Math.imul(h2 ^ mixWord(word, 0xab0e9789, 16, 0x38b34ae5), 5) + h3 + 0x0bcaa747) | 0;
    h3 = (Math.imul(h3 ^ mixWord(word, 0x38b34ae5, 17, 0xa1e38b93), 5) + h4 + 0x96cd1c35) | 0;
    h4 = (Math.imul(h4 ^ mixWord(word, 0xa1e38b93, 18, 0x239b961b), 5) + h1 + 0x32ac3b17) | 0;
  }
  h1 = finish(h1 ^ length ^ (isNumber ? 0x80000000 : 0));
  h2 = finish(h2 + h1);
  h3 = finish(h3 + h2);
  h4 = finish(h4 + h3);
  return [(h1 + h4) | 0, (h2 + h1) | 0, h3 | 0, h4 | 0];
}

function wordOf(value: number, index: number): number {
  return index === 0 ? value | 0 : Math.floor(value / 0x1_0000_0000) | 0;
}

function mixWord(word: number, first: number, turn: number, second: number): number {
  const k = Math.imul(word, first);
  return Math.imul((k << turn) | (k >>> (32 - turn)), second);
}

function finish(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
