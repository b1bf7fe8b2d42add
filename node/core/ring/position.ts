import { ByteWriter } from "../bytes/byte-writer.ts";
import type { Digester } from "../ports/hash.ts";

/** A key's place on the ring: MD5 of bucket and key, 16 bytes (Dynamo §4.2). The bucket's length keeps them apart. */
export function positionOf(
  { bucket, key }: { bucket: Uint8Array; key: Uint8Array },
  hash: Digester,
): Uint8Array {
  return hash.md5(new ByteWriter(1 + bucket.length + key.length).bytes(bucket).raw(key).finish());
}

/**
 * The partition that holds a position: its top bits. `partitionCount` is a power of two up to 65,536. Partitions
 * are contiguous ranges of positions, so a partition is one range of the hash index.
 */
export function partitionOf(position: Uint8Array, partitionCount: number): number {
  return Math.floor((((position[0]! << 8) | position[1]!) * partitionCount) / 65_536);
}
