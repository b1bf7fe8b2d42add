import type { ByteReader } from "../bytes/byte-reader.ts";
import { type ByteWriter, varintBytes } from "../bytes/byte-writer.ts";
import type { StorePoint } from "../ports/replica-store.ts";

/** Where a store stood when it acknowledged, as bytes: store · run · sequence; between threads and between nodes. */

const ID_BYTES_MAX = 64;

/** How many bytes `writePoint` writes for ids in ASCII of less than 128 characters, as all are. */
export function pointBytes({ storeId, runId, sequence }: StorePoint): number {
  return 1 + storeId.length + 1 + runId.length + varintBytes(sequence);
}

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
