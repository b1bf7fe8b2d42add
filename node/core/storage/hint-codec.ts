import type { HintBatch, HintQuery, KeptHint, RottenHint } from "../ports/hint-store.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { NodeId } from "../node-id.ts";
import { READER_MESSAGE } from "./read-codec.ts";
import { RECORD_BYTES_MAX } from "../version/record-codec.ts";

/** A question for one owner's hints on its way to a reader thread, and its answer on the way back. */
export interface AnsweredHints {
  /** Rows that failed their check and are not in the batch. */
  readonly dataRowsCorrupt: number;
  readonly hintRowsCorrupt: number;
  readonly batch: HintBatch;
}

const STATUS = { failed: 0, last: 1, more: 2 } as const;
const TEXT_BYTES_MAX = 64 * 1024;
/** No record has 0 bytes. */
const nothing = new Uint8Array(0);

export function encodeHintQuery({ owner, after, limits }: HintQuery): Uint8Array {
  const writer = new ByteWriter(128).u8(READER_MESSAGE.hints).text(owner);
  writer
    .bytes(after ?? new Uint8Array(0))
    .varint(limits.rows)
    .varint(limits.bytes);
  return writer.finish();
}

export function decodeHintQuery(message: Uint8Array): HintQuery {
  const reader = new ByteReader(message);
  const kind = reader.u8();
  if (kind !== READER_MESSAGE.hints) throw new MalformedBytes(`message ${kind} does not ask for hints`);
  const owner = reader.text(TEXT_BYTES_MAX) as NodeId;
  const after = reader.bytes(TEXT_BYTES_MAX);
  const limits = { rows: reader.varint(), bytes: reader.varint() };
  reader.end();
  return { owner, after: after.length === 0 ? undefined : after, limits };
}

export function encodeHints({ dataRowsCorrupt, hintRowsCorrupt, batch }: AnsweredHints): Uint8Array {
  const bytes =
    batch.status === "failed"
      ? batch.message.length
      : batch.hints.reduce(
          (sum, { record }) => sum + 40 + (record?.length ?? 0),
          64 + 17 * batch.rotten.length,
        );
  const writer = new ByteWriter(bytes).varint(dataRowsCorrupt).varint(hintRowsCorrupt);
  if (batch.status === "failed") return writer.u8(STATUS.failed).text(batch.message).finish();
  if (batch.next === undefined) writer.u8(STATUS.last);
  else writer.u8(STATUS.more).raw(batch.next);
  writer.varint(batch.hints.length);
  for (const { position, digest, record } of batch.hints) {
    writer
      .raw(position)
      .raw(digest)
      .bytes(record ?? nothing);
  }
  writer.varint(batch.rotten.length);
  for (const { position, database } of batch.rotten) writer.raw(position).u8(database === "data" ? 1 : 0);
  return writer.finish();
}

/** Byte strings are views into `message`. */
export function decodeHints(message: Uint8Array): AnsweredHints {
  const reader = new ByteReader(message);
  const dataRowsCorrupt = reader.varint();
  const hintRowsCorrupt = reader.varint();
  const batch = readBatch(reader);
  reader.end();
  return { dataRowsCorrupt, hintRowsCorrupt, batch };
}

function readBatch(reader: ByteReader): HintBatch {
  const status = reader.u8();
  if (status === STATUS.failed) return { status: "failed", message: reader.text(TEXT_BYTES_MAX) };
  if (status !== STATUS.last && status !== STATUS.more) {
    throw new MalformedBytes(`unknown status of hints ${status}`);
  }
  const next = status === STATUS.more ? reader.raw(16) : undefined;
  const hints: KeptHint[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const position = reader.raw(16);
    const digest = reader.raw(16);
    const record = reader.bytes(RECORD_BYTES_MAX);
    hints.push({ position, digest, record: record.length === 0 ? undefined : record });
  }
  const rotten: RottenHint[] = [];
  for (let left = reader.varint(); left > 0; left--)
    rotten.push({ position: reader.raw(16), database: reader.u8() === 1 ? "data" : "hints" });
  return { status: "read", hints, rotten, next };
}
