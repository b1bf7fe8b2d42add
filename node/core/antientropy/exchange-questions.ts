import { type ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import { LEAF_COUNT, LEAVES_PER_READ_MAX, type LeafRange } from "../ports/merkle-store.ts";
import { compareBytes } from "../version/record.ts";

/**
 * What one node asks another while they compare their copies: the body of a message of kind "anti_entropy". Layout:
 * u8 kind · varint epoch · text digest of the ring · what is asked. Every list is bounded and ascending; whatever
 * breaks that is MalformedBytes. The answers are in exchange-answers.ts.
 */
export type Question = { readonly ring: RingName } & (
  | {
      readonly kind: "roots";
      /** What is compared, ascending, where a change moves it to the node that asks; undefined: all that both own. */
      readonly partitions?: readonly number[];
      /** 16 bytes for each of those partitions, in order. */
      readonly roots: readonly Uint8Array[];
    }
  /** At most LEAVES_PER_READ_MAX leaves in all, ascending. */
  | { readonly kind: "leaves"; readonly ranges: readonly LeafRange[] }
  | { readonly kind: "rows"; readonly leaves: readonly number[]; readonly after: Uint8Array | undefined }
  /** Coverage and dots of what is at these positions, ascending; so are those of the records. */
  | { readonly kind: "versions"; readonly positions: readonly Uint8Array[] }
  | { readonly kind: "records"; readonly positions: readonly Uint8Array[] }
);

/** Nodes with different rings have different ideas of what they share. */
export interface RingName {
  readonly epoch: number;
  /** Hex digest of the ring document. */
  readonly digest: string;
}

/** Positions that one question names. */
export const POSITIONS_MAX = 256;
const POSITION_BYTES = 16;
const ROOT_BYTES = 16;
const PARTITIONS_MAX = 65_536;
const DIGEST_BYTES_MAX = 64;

const CODES = { roots: 0, leaves: 1, rows: 2, versions: 3, records: 4, rootsOfSome: 5 } as const;

export function writeQuestion(writer: ByteWriter, question: Question): void {
  writer.u8(codeOf(question)).varint(question.ring.epoch).text(question.ring.digest);
  switch (question.kind) {
    case "roots":
      if (question.partitions !== undefined) writeAscending(writer, question.partitions);
      writer.varint(question.roots.length);
      for (const root of question.roots) writer.raw(root);
      break;
    case "leaves":
      writer.varint(question.ranges.length);
      for (const { first, count } of question.ranges) writer.varint(first).varint(count);
      break;
    case "rows":
      writeAscending(writer, question.leaves);
      writeCursor(writer, question.after);
      break;
    case "versions":
    case "records":
      writer.varint(question.positions.length);
      for (const position of question.positions) writer.raw(position);
      break;
  }
}

function codeOf(question: Question): number {
  return question.kind === "roots" && question.partitions !== undefined
    ? CODES.rootsOfSome
    : CODES[question.kind];
}

/** Throws MalformedBytes. Byte strings are views of what is read. */
export function readQuestion(reader: ByteReader): Question {
  const code = reader.u8();
  const ring = { epoch: reader.varint(), digest: reader.text(DIGEST_BYTES_MAX) };
  const question = readAsked(code, ring, reader);
  reader.end();
  return question;
}

function readAsked(code: number, ring: RingName, reader: ByteReader): Question {
  switch (code) {
    case CODES.roots:
      return { kind: "roots", ring, roots: readList(reader, ROOT_BYTES, PARTITIONS_MAX) };
    case CODES.rootsOfSome: {
      const partitions = readAscending(reader, { most: PARTITIONS_MAX, below: PARTITIONS_MAX });
      const roots = readList(reader, ROOT_BYTES, PARTITIONS_MAX);
      if (partitions.length === 0 || partitions.length !== roots.length)
        throw new MalformedBytes(`${roots.length} roots of ${partitions.length} partitions`);
      return { kind: "roots", ring, partitions, roots };
    }
    case CODES.leaves:
      return { kind: "leaves", ring, ranges: readRanges(reader) };
    case CODES.rows: {
      const leaves = readAscending(reader, { most: LEAVES_PER_READ_MAX, below: LEAF_COUNT });
      if (leaves.length === 0) throw new MalformedBytes("a question for the rows of no leaf");
      return { kind: "rows", ring, leaves, after: readCursor(reader) };
    }
    case CODES.versions:
      return { kind: "versions", ring, positions: readPositions(reader) };
    case CODES.records:
      return { kind: "records", ring, positions: readPositions(reader) };
    default:
      throw new MalformedBytes(`unknown question of an exchange ${code}`);
  }
}

function readList(reader: ByteReader, bytes: number, most: number): Uint8Array[] {
  const count = reader.varint();
  if (count > most) throw new MalformedBytes(`a question with ${count} entries exceeds ${most}`);
  return Array.from({ length: count }, () => reader.raw(bytes));
}

function readPositions(reader: ByteReader): Uint8Array[] {
  const positions = readList(reader, POSITION_BYTES, POSITIONS_MAX);
  if (positions.length === 0) throw new MalformedBytes("a question for no position");
  for (let i = 1; i < positions.length; i++) {
    if (compareBytes(positions[i - 1]!, positions[i]!) >= 0)
      throw new MalformedBytes("positions of a question are not ascending");
  }
  return positions;
}

function readRanges(reader: ByteReader): LeafRange[] {
  const count = reader.varint();
  if (count > LEAVES_PER_READ_MAX) throw new MalformedBytes(`a question for ${count} ranges of leaves`);
  const ranges: LeafRange[] = [];
  let leaves = 0;
  let end = 0;
  for (let i = 0; i < count; i++) {
    const range = { first: reader.varint(), count: reader.varint() };
    leaves += range.count;
    if (range.first < end || range.count === 0 || range.first + range.count > LEAF_COUNT)
      throw new MalformedBytes("ranges of leaves overlap, are empty or lie beyond the last leaf");
    if (leaves > LEAVES_PER_READ_MAX) throw new MalformedBytes("a question for too many leaves");
    end = range.first + range.count;
    ranges.push(range);
  }
  return ranges;
}

/** Ascending numbers: the count, then each as its distance from the one before. */
export function writeAscending(writer: ByteWriter, numbers: readonly number[]): void {
  writer.varint(numbers.length);
  let next = 0;
  for (const number of numbers) {
    writer.varint(number - next);
    next = number + 1;
  }
}

/** Throws MalformedBytes where there are more than `most`, or one is not below `below`. */
export function readAscending(
  reader: ByteReader,
  { most, below }: { most: number; below: number },
): number[] {
  const count = reader.varint();
  if (count > most) throw new MalformedBytes(`a list of ${count} numbers exceeds ${most}`);
  const numbers: number[] = [];
  for (let next = 0; numbers.length < count; next++) {
    next += reader.varint();
    if (next >= below) throw new MalformedBytes(`number ${next} of a list is not below ${below}`);
    numbers.push(next);
  }
  return numbers;
}

/** Where a list goes on: the last position that was given, or none. */
export function writeCursor(writer: ByteWriter, position: Uint8Array | undefined): void {
  writer.u8(position === undefined ? 0 : 1);
  if (position !== undefined) writer.raw(position);
}

export function readCursor(reader: ByteReader): Uint8Array | undefined {
  return reader.u8() === 0 ? undefined : reader.raw(POSITION_BYTES);
}
