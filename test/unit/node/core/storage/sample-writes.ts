import type { CoordinatedWrite } from "../../../../../node/core/ports/replica-store.ts";
import type { Coverage } from "../../../../../node/core/version/coverage.ts";
import type { Dot } from "../../../../../node/core/version/dot.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import type { Random } from "../../../../../node/core/ports/random.ts";
import { ByteWriter } from "../../../../../node/core/bytes/byte-writer.ts";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { positionOf } from "../../../../../node/core/ring/position.ts";
import { writeCoverage } from "../../../../../node/core/version/coverage-codec.ts";

const utf8 = new TextEncoder();

export const OWNER_A = "00000000-0000-4000-8000-00000000000a" as NodeId;
export const OWNER_B = "00000000-0000-4000-8000-00000000000b" as NodeId;

export function keyNamed(name: string) {
  const bucketAndKey = { bucket: utf8.encode("carts"), key: utf8.encode(name) };
  return { ...bucketAndKey, position: positionOf(bucketAndKey, md5Digester) };
}

let requests = 0;

/** A put of `text` under `name`, with a request id of its own unless one is given. */
export function writeOf(name: string, text: string, more: Partial<CoordinatedWrite> = {}): CoordinatedWrite {
  requests += 1;
  return {
    ...keyNamed(name),
    seen: new Uint8Array(0),
    tombstone: false,
    value: utf8.encode(text),
    contentType: "text/plain",
    modifiedMs: 1_700_000_000_000,
    requestId: `request-${requests}`,
    keptFor: [],
    ...more,
  };
}

export function seenBytes(coverage: Coverage): Uint8Array {
  const writer = new ByteWriter();
  writeCoverage(writer, coverage);
  return writer.finish();
}

export function seenDots(...dots: Dot[]): Uint8Array {
  const vector = new Map(dots.map(({ actor, n }) => [actor, n]));
  return seenBytes({ vector, loose: new Map() });
}

/** Counts up, so that every database actor differs and the test says which is which. */
export function countingRandom(start = 0): Random {
  let count = start;
  return {
    bytes(length) {
      count += 1;
      const bytes = new Uint8Array(length);
      new DataView(bytes.buffer).setUint32(length - 4, count);
      return bytes;
    },
    below: (limit) => count % limit,
  };
}
