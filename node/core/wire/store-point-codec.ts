import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { StorePoint } from "../ports/replica-store.ts";

/** Where a store stood when it acknowledged, as bytes: store · run · sequence; between threads and between nodes. */

export const STORE_POINT_BYTES_MAX = 2 * 17 + 8;
const ID_BYTES_MAX = 64;

export function writePoint(writer: ByteWriter, { storeId, runId, sequence }: StorePoint): void {
  writer.text(storeId).text(runId).varint(sequence);
}

/** Throws MalformedBytes. */
export function readPoint(reader: ByteReader): StorePoint {
  return {
    storeId: reader.text(ID_BYTES_MAX),
    runId: reader.text(ID_BYTES_MAX),
    sequence: reader.varint(),
  };
}
