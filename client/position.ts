import { createHash } from "node:crypto";

/**
 * Where a key lies on the ring: MD5 over the bucket's length (LEB128 varint), the bucket and the key (Dynamo §4.2).
 * The nodes compute the same (node/core/ring/position.ts); a test holds both against each other. A client that were
 * wrong here would only lose a hop: every node serves every key.
 */
export function positionOf(bucket: Uint8Array, key: Uint8Array): Uint8Array {
  return createHash("md5").update(varint(bucket.length)).update(bucket).update(key).digest();
}

/** The top bits of the position. `partitionCount` is a power of two up to 65,536. */
export function partitionOf(position: Uint8Array, partitionCount: number): number {
  return Math.floor((((position[0]! << 8) | position[1]!) * partitionCount) / 65_536);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
