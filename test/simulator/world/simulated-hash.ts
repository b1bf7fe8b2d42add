import type { Hash } from "../../../node/core/ports/hash.ts";

/**
 * 128-bit hashes that cost a fraction of MD5's and HMAC's: murmur3 (x86, 128 bits). A simulation hashes every record
 * several times over, and nobody in it forges anything; the core cannot tell the difference.
 */
export const simulatedHash: Hash = {
  md5: (bytes) => murmur128(bytes, 0x9747b28c),
  mac: (keyId, bytes) => (keyId === 1 ? murmur128(bytes, 0x5bd1e995) : undefined),
  currentKeyId: () => 1,
};

const FACTORS = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93] as const;

function murmur128(bytes: Uint8Array, seed: number): Uint8Array {
  let h1 = seed;
  let h2 = seed;
  let h3 = seed;
  let h4 = seed;
  const blocks = bytes.length & ~15;
  let i = 0;
  for (; i < blocks; i += 16) {
    h1 = (Math.imul(rotate(h1 ^ mix(word(bytes, i), 0, 15), 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 = (Math.imul(rotate(h2 ^ mix(word(bytes, i + 4), 1, 16), 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 = (Math.imul(rotate(h3 ^ mix(word(bytes, i + 8), 2, 17), 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 = (Math.imul(rotate(h4 ^ mix(word(bytes, i + 12), 3, 18), 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  if (i < bytes.length) {
    const rest = new Uint8Array(16);
    rest.set(bytes.subarray(i));
    h1 ^= mix(word(rest, 0), 0, 15);
    h2 ^= mix(word(rest, 4), 1, 16);
    h3 ^= mix(word(rest, 8), 2, 17);
    h4 ^= mix(word(rest, 12), 3, 18);
  }
  return finished(h1 ^ bytes.length, h2 ^ bytes.length, h3 ^ bytes.length, h4 ^ bytes.length);
}

function finished(a: number, b: number, c: number, d: number): Uint8Array {
  const sum = (a + b + c + d) | 0;
  let [h1, h2, h3, h4] = [avalanche(sum), avalanche(b + sum), avalanche(c + sum), avalanche(d + sum)];
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  const digest = new Uint8Array(16);
  [h1, h2, h3, h4].forEach((value, at) => {
    for (let byte = 0; byte < 4; byte++) digest[4 * at + byte] = value >>> (24 - 8 * byte);
  });
  return digest;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function mix(value: number, lane: 0 | 1 | 2 | 3, turn: number): number {
  return Math.imul(rotate(Math.imul(value, FACTORS[lane]), turn), FACTORS[(lane + 1) & 3]!);
}

function rotate(value: number, turn: number): number {
  return (value << turn) | (value >>> (32 - turn));
}

function avalanche(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
