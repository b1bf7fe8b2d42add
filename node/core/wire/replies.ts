import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter, varintBytes } from "../bytes/byte-writer.ts";
import type { NodeId } from "../node-id.ts";
import { pointBytes, readPoint, writePoint } from "./store-point-codec.ts";
import type { ReplicaRead, Stored, StoreFailureCode } from "../ports/replica-store.ts";
import type { RingNumber } from "../ring/ring-number.ts";

/** What a replica answers to `replicate` and `read`, as bytes. */

const TEXT_BYTES_MAX = 4_096;
const OWNERS_MAX = 16;
const DIGEST_BYTES = 16;

/** In the first byte of either reply, from protocol version 2 on: the request was planned by too old a ring. */
const STALE = 0x7f;

/** Of the ring that the replica serves. */
export function encodeStale({ generation, epoch }: RingNumber): Uint8Array {
  return new ByteWriter(1 + varintBytes(generation) + varintBytes(epoch))
    .u8(STALE)
    .varint(generation)
    .varint(epoch)
    .finish();
}

/** The ring of the replica that refused; undefined where it did not refuse for its sake. Throws MalformedBytes. */
export function decodeStale(bytes: Uint8Array): RingNumber | undefined {
  if (bytes[0] !== STALE) return undefined;
  const reader = new ByteReader(bytes.subarray(1));
  return { generation: reader.varint(), epoch: reader.varint() };
}

export function encodeStored(stored: Stored): Uint8Array {
  if (!stored.ok) return new ByteWriter(64).u8(0).text(stored.code).text(stored.message).finish();
  const { at } = stored;
  if (at === undefined) return new ByteWriter(1).u8(1).finish();
  // To the byte: cutting the buffer to length would cost more than writing it.
  const writer = new ByteWriter(1 + pointBytes(at)).u8(1);
  writePoint(writer, at);
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
