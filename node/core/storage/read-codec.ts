import type { ReplicaQuery, ReplicaRead } from "../ports/replica-store.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { RECORD_BYTES_MAX } from "../version/record-codec.ts";
import { readOwners, writeOwners } from "./write-codec.ts";

/**
 * Queries on their way to a reader thread and answers on their way back. A pipe keeps order, so the n-th answer
 * message of a reader answers its n-th query message, and answers stand in the order of the queries.
 */
export interface AnsweredQueries {
  /** Rows that failed their check while these queries were answered. */
  readonly dataRowsCorrupt: number;
  readonly hintRowsCorrupt: number;
  readonly reads: readonly ReplicaRead[];
}

/** First byte of a message to a reader: what it asks. The answers need none, they keep the order. */
export const READER_MESSAGE = { queries: 0, hints: 1, merkle: 2 } as const;

const STATUS = { notFound: 0, found: 1, digest: 2, corrupt: 3, failed: 4 } as const;
const NAME_BYTES_MAX = 64 * 1024;
const TEXT_BYTES_MAX = 64 * 1024;

export function encodeQueries(queries: readonly ReplicaQuery[]): Uint8Array {
  let bytes = 8;
  for (const { bucket, key } of queries) bytes += 32 + bucket.length + key.length;
  const writer = new ByteWriter(bytes);
  writer.u8(READER_MESSAGE.queries).varint(queries.length);
  for (const { position, bucket, key, want } of queries) {
    writer
      .raw(position)
      .u8(want === "record" ? 1 : 0)
      .bytes(bucket)
      .bytes(key);
  }
  return writer.finish();
}

/** Byte strings are views into `message`. */
export function decodeQueries(message: Uint8Array): ReplicaQuery[] {
  const reader = new ByteReader(message);
  const kind = reader.u8();
  if (kind !== READER_MESSAGE.queries) throw new MalformedBytes(`message ${kind} does not ask for replicas`);
  const queries: ReplicaQuery[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const position = reader.raw(16);
    const want = reader.u8() === 1 ? "record" : "digest";
    queries.push({ position, want, bucket: reader.bytes(NAME_BYTES_MAX), key: reader.bytes(NAME_BYTES_MAX) });
  }
  reader.end();
  return queries;
}

export function encodeAnswers({ dataRowsCorrupt, hintRowsCorrupt, reads }: AnsweredQueries): Uint8Array {
  let bytes = 16;
  for (const read of reads) bytes += 64 + (read.status === "found" ? (read.record?.length ?? 0) : 0);
  const writer = new ByteWriter(bytes);
  writer.varint(dataRowsCorrupt).varint(hintRowsCorrupt).varint(reads.length);
  for (const read of reads) writeRead(writer, read);
  return writer.finish();
}

function writeRead(writer: ByteWriter, read: ReplicaRead): void {
  switch (read.status) {
    case "not_found":
      writer.u8(STATUS.notFound);
      return;
    case "corrupt":
      writer.u8(STATUS.corrupt);
      return;
    case "failed":
      writer.u8(STATUS.failed).text(read.message);
      return;
    case "found":
      writer.u8(read.record === undefined ? STATUS.digest : STATUS.found).raw(read.digest);
      writeOwners(writer, read.keptFor);
      if (read.record !== undefined) writer.bytes(read.record);
  }
}

/** Records and digests are views into `message`. */
export function decodeAnswers(message: Uint8Array): AnsweredQueries {
  const reader = new ByteReader(message);
  const dataRowsCorrupt = reader.varint();
  const hintRowsCorrupt = reader.varint();
  const reads: ReplicaRead[] = [];
  for (let left = reader.varint(); left > 0; left--) reads.push(readRead(reader));
  reader.end();
  return { dataRowsCorrupt, hintRowsCorrupt, reads };
}

const notFound: ReplicaRead = { status: "not_found" };
const corrupt: ReplicaRead = { status: "corrupt" };

function readRead(reader: ByteReader): ReplicaRead {
  const status = reader.u8();
  switch (status) {
    case STATUS.notFound:
      return notFound;
    case STATUS.corrupt:
      return corrupt;
    case STATUS.failed:
      return { status: "failed", message: reader.text(TEXT_BYTES_MAX) };
    case STATUS.found:
    case STATUS.digest: {
      const digest = reader.raw(16);
      const keptFor = readOwners(reader);
      const record = status === STATUS.found ? reader.bytes(RECORD_BYTES_MAX) : undefined;
      return { status: "found", record, digest, keptFor };
    }
    default:
      throw new MalformedBytes(`unknown status of a read ${status}`);
  }
}
