import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { LEAF_COUNT, LEAVES_PER_READ_MAX, type LeafHash, type RowDigest } from "../ports/merkle-store.ts";
import { readCoverage, readDot, writeCoverage, writeDot } from "../version/coverage-codec.ts";
import type { Dot } from "../version/dot.ts";
import { compareBytes } from "../version/record.ts";
import { RECORD_BYTES_MAX } from "../version/record-codec.ts";
import type { Versions } from "./differences.ts";
import {
  POSITIONS_MAX,
  readAscending,
  readCursor,
  writeAscending,
  writeCursor,
  type Question,
} from "./exchange-questions.ts";

/**
 * The answers to exchange-questions.ts: a status byte, then what was asked for or why not. Long answers are cut and
 * say where to go on (`next`, `positionsRead`), so that none exceeds about 1 MiB; one record alone may.
 */
export interface Answers {
  readonly roots: {
    /** Indexes into the list of roots that was sent; ascending. */
    readonly differing: readonly number[];
  };
  readonly leaves: { readonly leaves: readonly LeafHash[] };
  readonly rows: { readonly rows: readonly RowDigest[]; readonly next: Uint8Array | undefined };
  readonly versions: Looked & { readonly found: readonly FoundVersions[] };
  readonly records: Looked & { readonly found: readonly FoundRecord[] };
}

/** Of the positions asked for, the first so many were looked at; what is not found among those is not there. */
interface Looked {
  readonly positionsRead: number;
  /** Indexes of positions whose row failed its check; ascending. */
  readonly corrupt: readonly number[];
}

export interface FoundVersions extends Versions {
  /** Of the position asked for. */
  readonly index: number;
}

export interface FoundRecord {
  readonly index: number;
  /** 16 bytes: MD5 of the record. */
  readonly digest: Uint8Array;
  readonly record: Uint8Array;
}

export type AnswerKind = keyof Answers & Question["kind"];

/** Why there is no answer. "other_ring" and "busy": later. "refused": never. "failed": its disk. */
export interface Declined {
  readonly status: "other_ring" | "busy" | "refused" | "failed";
  readonly message: string;
}

export type Answer<K extends AnswerKind> = { readonly status: "ok"; readonly body: Answers[K] } | Declined;

/** Rows that one answer tells of: 256 KiB. */
export const ROWS_PER_ANSWER_MAX = 8_192;
const POSITION_BYTES = 16;
const HASH_BYTES = 16;
const PARTITIONS_MAX = 65_536;
const MESSAGE_BYTES_MAX = 4_096;
const DOT_BYTES_MIN = 10;

const STATUSES = ["ok", "other_ring", "busy", "refused", "failed"] as const;

export function encodeDeclined({ status, message }: Declined): Uint8Array {
  return new ByteWriter(64).u8(STATUSES.indexOf(status)).text(message.slice(0, 1_000)).finish();
}

export function encodeAnswer<K extends AnswerKind>(kind: K, body: Answers[K]): Uint8Array {
  const writer = new ByteWriter(1_024).u8(0);
  WRITERS[kind](writer, body);
  return writer.finish();
}

/** Throws MalformedBytes. Byte strings are views into `bytes`. */
export function decodeAnswer<K extends AnswerKind>(kind: K, bytes: Uint8Array): Answer<K> {
  const reader = new ByteReader(bytes);
  const status = STATUSES[reader.u8()];
  if (status === undefined) throw new MalformedBytes("unknown status of an answer");
  if (status !== "ok") return { status, message: reader.text(MESSAGE_BYTES_MAX) };
  const body = READERS[kind](reader);
  reader.end();
  return { status, body };
}

const WRITERS: { [K in AnswerKind]: (writer: ByteWriter, body: Answers[K]) => void } = {
  roots: (writer, { differing }) => writeAscending(writer, differing),
  leaves: (writer, { leaves }) => {
    writeAscending(
      writer,
      leaves.map(({ leaf }) => leaf),
    );
    for (const { hash } of leaves) writer.raw(hash);
  },
  rows: (writer, { rows, next }) => {
    writer.varint(rows.length);
    for (const { position, digest } of rows) writer.raw(position).raw(digest);
    writeCursor(writer, next);
  },
  versions: (writer, body) => {
    writeLooked(writer, body);
    for (const { coverage, dots } of body.found) {
      writeCoverage(writer, coverage);
      writer.varint(dots.length);
      for (const dot of dots) writeDot(writer, dot);
    }
  },
  records: (writer, body) => {
    writeLooked(writer, body);
    for (const { digest, record } of body.found) writer.raw(digest).bytes(record);
  },
};

const READERS: { [K in AnswerKind]: (reader: ByteReader) => Answers[K] } = {
  roots: (reader) => ({ differing: readAscending(reader, { most: PARTITIONS_MAX, below: PARTITIONS_MAX }) }),
  leaves: (reader) => {
    const numbers = readAscending(reader, { most: LEAVES_PER_READ_MAX, below: LEAF_COUNT });
    return { leaves: numbers.map((leaf) => ({ leaf, hash: reader.raw(HASH_BYTES) })) };
  },
  rows: (reader) => {
    const count = reader.varint();
    if (count > ROWS_PER_ANSWER_MAX) throw new MalformedBytes(`an answer of ${count} rows`);
    const rows = Array.from({ length: count }, () => ({
      position: reader.raw(POSITION_BYTES),
      digest: reader.raw(HASH_BYTES),
    }));
    for (let i = 1; i < rows.length; i++) {
      if (compareBytes(rows[i - 1]!.position, rows[i]!.position) >= 0)
        throw new MalformedBytes("rows of an answer are not ascending");
    }
    return { rows, next: readCursor(reader) };
  },
  versions: (reader) => {
    const { indexes, ...looked } = readLooked(reader);
    const found = indexes.map((index) => ({
      index,
      coverage: readCoverage(reader),
      dots: readDots(reader),
    }));
    return { ...looked, found };
  },
  records: (reader) => {
    const { indexes, ...looked } = readLooked(reader);
    const found = indexes.map((index) => ({
      index,
      digest: reader.raw(HASH_BYTES),
      record: reader.bytes(RECORD_BYTES_MAX),
    }));
    return { ...looked, found };
  },
};

function writeLooked(writer: ByteWriter, body: Looked & { found: readonly { index: number }[] }): void {
  writer.varint(body.positionsRead);
  writeAscending(writer, body.corrupt);
  writeAscending(
    writer,
    body.found.map(({ index }) => index),
  );
}

function readLooked(reader: ByteReader): Looked & { readonly indexes: readonly number[] } {
  const positionsRead = reader.varint();
  if (positionsRead === 0 || positionsRead > POSITIONS_MAX)
    throw new MalformedBytes(`an answer to ${positionsRead} positions`);
  const bounds = { most: positionsRead, below: positionsRead };
  return { positionsRead, corrupt: readAscending(reader, bounds), indexes: readAscending(reader, bounds) };
}

function readDots(reader: ByteReader): Dot[] {
  const count = reader.varint();
  if (count * DOT_BYTES_MIN > reader.remaining) throw new MalformedBytes(`${count} dots in too few bytes`);
  return Array.from({ length: count }, () => readDot(reader));
}
