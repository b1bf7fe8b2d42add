import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { NodeId } from "../node-id.ts";
import { readPoint, STORE_POINT_BYTES_MAX, writePoint } from "./store-point-codec.ts";
import type { ReplicaRead, Stored, StoreFailureCode } from "../ports/replica-store.ts";

/** What a replica answers to `replicate` and `read`, as bytes. */

const TEXT_BYTES_MAX = 4_096;
const OWNERS_MAX = 16;
const DIGEST_BYTES = 16;

export function encodeStored(stored: Stored): Uint8Array {
  const writer = new ByteWriter(stored.ok ? 1 + STORE_POINT_BYTES_MAX : 64).u8(stored.ok ? 1 : 0);
  if (!stored.ok) writer.text(stored.code).text(stored.message);
  else if (stored.at !== undefined) writePoint(writer, stored.at);
  return writer.finish();
}

/** Throws MalformedBytes. */
export function decodeStored(bytes: Uint8Array): Stored {
  const reader = new ByteReader(bytes);
  if (reader.u8() === 1) return reader.remaining === 0 ? { ok: true } : { ok: true, at: readPoint(reader) };
  return {
    ok: false,
    code: reader.text(TEXT_BYTES_MAX) as StoreFailureCode,
    message: reader.text(TEXT_BYTES_MAX),
  };
}

const READ_STATUS = { not_found: 0, found: 1, corrupt: 2, failed: 3 } as const;
/** Beside the status: the node has lost data (ReplicaRead.recovering). */
const RECOVERING = 0x80;

export function encodeReplicaRead(read: ReplicaRead): Uint8Array {
  const writer = new ByteWriter(sizeOf(read));
  const recovering = "recovering" in read && read.recovering;
  writer.u8(READ_STATUS[read.status] | (recovering ? RECOVERING : 0));
  if (read.status === "failed") writer.text(read.message);
  if (read.status === "found") {
    writer.raw(read.digest).u8(read.keptFor.length);
    for (const owner of read.keptFor) writer.text(owner);
    writer.raw(read.record ?? new Uint8Array(0));
  }
  return writer.finish();
}

/** Exact for the usual answers, so that the bytes need not be cut to length. */
function sizeOf(read: ReplicaRead): number {
  if (read.status !== "found") return read.status === "failed" ? 64 : 1;
  return 2 + DIGEST_BYTES + 37 * read.keptFor.length + (read.record?.length ?? 0);
}

/** Throws MalformedBytes. An empty record means that only the digest was asked for. */
export function decodeReplicaRead(bytes: Uint8Array): ReplicaRead {
  const reader = new ByteReader(bytes);
  const byte = reader.u8();
  const recovering = (byte & RECOVERING) !== 0 && ({ recovering: true } as const);
  const status = byte & ~RECOVERING;
  switch (status) {
    case READ_STATUS.not_found:
      return { status: "not_found", ...recovering };
    case READ_STATUS.corrupt:
      return { status: "corrupt" };
    case READ_STATUS.failed:
      return { status: "failed", message: reader.text(TEXT_BYTES_MAX) };
    case READ_STATUS.found: {
      const digest = reader.raw(DIGEST_BYTES);
      const count = reader.u8();
      if (count > OWNERS_MAX) throw new MalformedBytes(`a copy kept for ${count} owners`);
      const keptFor: NodeId[] = [];
      for (let i = 0; i < count; i++) keptFor.push(reader.text(TEXT_BYTES_MAX) as NodeId);
      const record = reader.remaining > 0 ? reader.raw(reader.remaining) : undefined;
      return { status: "found", digest, keptFor, record, ...recovering };
    }
    default:
      throw new MalformedBytes(`unknown status of a read ${status}`);
  }
}
