import type { Random } from "../../../../../node/core/ports/random.ts";

/** Mulberry32: numbers from 0 to 1 that depend on the seed alone. */
export function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function seededRandom(seed: number): Random {
  const next = mulberry(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  return { below, bytes: (length) => Uint8Array.from({ length }, () => below(256)) };
}
