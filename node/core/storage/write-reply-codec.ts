import type { Merged, Stored, StoreFailureCode, StorePoint } from "../ports/replica-store.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { RECORD_BYTES_MAX } from "../version/record-codec.ts";
import { readDot, writeDot } from "../version/dot-codec.ts";
import { readPoint, writePoint } from "../wire/store-point-codec.ts";
import type { TombstoneCount } from "../ports/tombstone-store.ts";
import type { HintCounts } from "../ports/database.ts";
import type { RowCounts, RowRecount } from "./row-counts.ts";

/**
 * What the writer thread answers, in two waves: "merged" carries the records of coordinated writes before they are
 * committed, "settled" says for every write of a batch whether it is on stable storage, and what the commit cost. Right before
 * that, where the commit succeeded, "answered" carries what some commands are told beside it.
 */
export type WriterReply =
  | {
      readonly kind: "merged";
      readonly merged: readonly { readonly call: number; readonly result: Merged }[];
    }
  | { readonly kind: "answered"; readonly answers: readonly WriterAnswer[] }
  | { readonly kind: "settled"; readonly batch: BatchFacts; readonly runs: readonly SettledRun[] };

export interface WriterAnswer {
  readonly call: number;
  readonly answer: Uint8Array;
}

/** Consecutive calls with the same result. */
export interface SettledRun {
  readonly firstCall: number;
  readonly count: number;
  readonly result: Stored;
}

export interface BatchFacts {
  readonly writes: number;
  readonly bytes: number;
  readonly durationMs: number;
  /** How many more rows there are now, below 0 where there are fewer; all 0 where the commit failed. */
  readonly rowsAdded: RowCounts;
  /** Beyond that; undefined for a database that was not counted. */
  readonly rowsCounted: RowRecount;
  readonly rowsDisplaced: RowsDisplaced;
  /** Rows that failed their check and were replaced. */
  readonly dataRowsCorrupt: number;
  readonly hintRowsCorrupt: number;
  /** Rows that none of the commands wrote may be read otherwise than before (CacheableStore.onRowsRestored). */
  readonly areRowsRestored: boolean;
  /** Copies and markers for other owners that found no room. */
  readonly hintsRefused: number;
  /** Bytes in use in hints.db; undefined where the batch did not touch it. */
  readonly hintBytes: number | undefined;
  /** That there are now. */
  readonly tombstones: TombstoneCount;
  /** Why nothing of the batch was kept; undefined where it was committed. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  /** Where data.db stands now. */
  readonly at: StorePoint;
}

/** Rows that found their place taken when a database's indexes were made anew; undefined where they were not. */
export interface RowsDisplaced {
  readonly data: number | undefined;
  readonly hints: number | undefined;
}

const KIND = { merged: 1, settled: 2, answered: 3 } as const;
const TEXT_BYTES_MAX = 64 * 1024;
const ANSWER_BYTES_MAX = 64 * 1024;

/** Codes as bytes: 0 is success. */
const CODES: readonly (StoreFailureCode | undefined)[] = [
  undefined,
  "too_many_siblings",
  "record_too_large",
  "read_only",
  "storage_failed",
  "invalid_record",
  "key_collision",
  "overloaded",
  "hints_full",
  "too_late",
  "hint_lost",
];

export function encodeMerged(merged: readonly { call: number; result: Merged }[]): Uint8Array {
  let bytes = 16;
  for (const { result } of merged) bytes += result.ok ? 48 + result.record.length : 256;
  const writer = new ByteWriter(bytes);
  writer.u8(KIND.merged).varint(merged.length);
  for (const { call, result } of merged) {
    writer.varint(call);
    writeCode(writer, result);
    if (!result.ok) continue;
    writeDot(writer, result.dot);
    writer.bytes(result.record);
  }
  return writer.finish();
}

export function encodeSettled(batch: BatchFacts, runs: readonly SettledRun[]): Uint8Array {
  const writer = new ByteWriter(64 + 16 * runs.length);
  writer
    .u8(KIND.settled)
    .varint(batch.writes)
    .varint(batch.bytes)
    .varint(Math.round(batch.durationMs * 1_000));
  writeCounts(writer, batch.rowsAdded);
  writer.varint(batch.dataRowsCorrupt).varint(batch.hintRowsCorrupt);
  writer.u8(Number(batch.areRowsRestored)).varint(batch.hintsRefused);
  writeOptional(writer, batch.hintBytes);
  writer.varint(batch.tombstones.count).u8(batch.tombstones.inDoubt ? 1 : 0);
  writeRecount(writer, batch.rowsCounted);
  writeOptional(writer, batch.rowsDisplaced.data);
  writeOptional(writer, batch.rowsDisplaced.hints);
  writer.u8(batch.failure === undefined ? 0 : 1);
  if (batch.failure !== undefined) writer.text(batch.failure.code).text(batch.failure.message);
  writePoint(writer, batch.at);
  writer.varint(runs.length);
  for (const { firstCall, count, result } of runs) {
    writer.varint(firstCall).varint(count);
    writeCode(writer, result);
  }
  return writer.finish();
}

export function encodeAnswered(answers: readonly WriterAnswer[]): Uint8Array {
  const writer = new ByteWriter(64 * answers.length).u8(KIND.answered).varint(answers.length);
  for (const { call, answer } of answers) writer.varint(call).bytes(answer);
  return writer.finish();
}

function readAnswered(reader: ByteReader): WriterReply {
  const answers: WriterAnswer[] = [];
  for (let left = reader.varint(); left > 0; left--)
    answers.push({ call: reader.varint(), answer: reader.bytes(ANSWER_BYTES_MAX) });
  return { kind: "answered", answers };
}

/** Records and answers are views into `message`. */
export function decodeWriterReply(message: Uint8Array): WriterReply {
  const reader = new ByteReader(message);
  const kind = reader.u8();
  const reply =
    kind === KIND.merged
      ? readMerged(reader)
      : kind === KIND.answered
        ? readAnswered(reader)
        : readSettled(reader, kind);
  reader.end();
  return reply;
}

function readMerged(reader: ByteReader): WriterReply {
  const merged: { call: number; result: Merged }[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const call = reader.varint();
    const stored = readCode(reader, storedSomewhere);
    if (!stored.ok) merged.push({ call, result: stored });
    else
      merged.push({
        call,
        result: { ok: true, dot: readDot(reader), record: reader.bytes(RECORD_BYTES_MAX) },
      });
  }
  return { kind: "merged", merged };
}

function writeRecount(writer: ByteWriter, { data, hints }: RowRecount): void {
  writeOptional(writer, data);
  writer.u8(hints === undefined ? 0 : 1);
  if (hints !== undefined) writeHintCounts(writer, hints);
}

function readRecount(reader: ByteReader): RowRecount {
  return { data: readOptional(reader), hints: reader.u8() === 0 ? undefined : readHintCounts(reader) };
}

function writeCounts(writer: ByteWriter, { data, ...hints }: RowCounts): void {
  writer.varint(zigzag(data));
  writeHintCounts(writer, hints);
}

function writeHintCounts(writer: ByteWriter, { hints, markers, hintsByOwner }: HintCounts): void {
  writer.varint(zigzag(hints)).varint(zigzag(markers)).varint(hintsByOwner.size);
  for (const [owner, count] of hintsByOwner) writer.text(owner).varint(zigzag(count));
}

function readCounts(reader: ByteReader): RowCounts {
  const data = unzigzag(reader.varint());
  return { data, ...readHintCounts(reader) };
}

function readHintCounts(reader: ByteReader): HintCounts {
  const hints = unzigzag(reader.varint());
  const markers = unzigzag(reader.varint());
  const hintsByOwner = new Map<string, number>();
  for (let left = reader.varint(); left > 0; left--) {
    hintsByOwner.set(reader.text(TEXT_BYTES_MAX), unzigzag(reader.varint()));
  }
  return { hints, markers, hintsByOwner };
}

/** 0, −1, 1, −2, … as 0, 1, 2, 3, …: varints have no sign. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function readSettled(reader: ByteReader, kind: number): WriterReply {
  if (kind !== KIND.settled) throw new MalformedBytes(`unknown kind of reply ${kind}`);
  const batch: BatchFacts = {
    writes: reader.varint(),
    bytes: reader.varint(),
    durationMs: reader.varint() / 1_000,
    rowsAdded: readCounts(reader),
    dataRowsCorrupt: reader.varint(),
    hintRowsCorrupt: reader.varint(),
    areRowsRestored: reader.u8() !== 0,
    hintsRefused: reader.varint(),
    hintBytes: readOptional(reader),
    tombstones: { count: reader.varint(), inDoubt: reader.u8() === 1 },
    rowsCounted: readRecount(reader),
    rowsDisplaced: { data: readOptional(reader), hints: readOptional(reader) },
    failure:
      reader.u8() === 0
        ? undefined
        : { code: reader.text(TEXT_BYTES_MAX), message: reader.text(TEXT_BYTES_MAX) },
    at: readPoint(reader),
  };
  const stored: Stored = { ok: true, at: batch.at };
  const runs: SettledRun[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    runs.push({ firstCall: reader.varint(), count: reader.varint(), result: readCode(reader, stored) });
  }
  return { kind: "settled", batch, runs };
}

function writeOptional(writer: ByteWriter, value: number | undefined): void {
  writer.varint(value === undefined ? 0 : value + 1);
}

/** 0 for none, else the number plus 1. */
function readOptional(reader: ByteReader): number | undefined {
  const value = reader.varint();
  return value === 0 ? undefined : value - 1;
}

const storedSomewhere: Stored = { ok: true };

function writeCode(writer: ByteWriter, result: Merged | Stored): void {
  if (result.ok) writer.u8(0);
  else writer.u8(CODES.indexOf(result.code)).text(result.message);
}

/** One object for all that a batch stored. */
function readCode(reader: ByteReader, stored: Stored): Stored {
  const index = reader.u8();
  if (index === 0) return stored;
  const code = CODES[index];
  if (code === undefined) throw new MalformedBytes(`unknown failure ${index}`);
  return { ok: false, code, message: reader.text(TEXT_BYTES_MAX) };
}
