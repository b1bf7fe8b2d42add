import type {
  LeafHash,
  LeafRange,
  LeafRowsQuery,
  LeafRowsRead,
  LeavesRead,
  PartitionSummary,
  RecordRow,
  RecordsQuery,
  RecordsRead,
  RootsRead,
  RowDigest,
  VerifyQuery,
  VerifyRead,
} from "../ports/merkle-store.ts";
import { ByteReader, MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { readList, readNumbers, writeNumbers } from "./number-codec.ts";
import { READER_MESSAGE } from "./read-codec.ts";
import { RECORD_BYTES_MAX } from "../version/record-codec.ts";
import type { SealableQuery, SealableRead } from "../ports/seal-store.ts";
import { readSealedRows, writeSealedRows } from "../seal/sealed-row-codec.ts";

/**
 * Questions of anti-entropy on their way to a reader thread and answers on their way back. A pipe keeps order, so the
 * sender knows what an answer is the answer to. Bytes that were read are views into the message.
 */
export interface MerkleQuestions {
  readonly roots: number;
  readonly leaves: LeafRange;
  readonly rows: LeafRowsQuery;
  readonly records: RecordsQuery;
  readonly verify: VerifyQuery;
  readonly sealable: SealableQuery;
}

export interface MerkleAnswers {
  readonly roots: RootsRead;
  readonly leaves: LeavesRead;
  readonly rows: LeafRowsRead;
  readonly records: RecordsRead;
  readonly verify: VerifyRead;
  readonly sealable: SealableRead;
}

export type MerkleKind = keyof MerkleQuestions;

/** One question with its kind. */
export type MerkleQuestion = { readonly [K in MerkleKind]: QuestionOf<K> }[MerkleKind];

interface QuestionOf<K extends MerkleKind> {
  readonly kind: K;
  readonly query: MerkleQuestions[K];
}

const KIND = { roots: 0, leaves: 1, rows: 2, records: 3, verify: 4, sealable: 5 } as const;
const STATUS = { failed: 0, read: 1 } as const;
const TEXT_BYTES_MAX = 64 * 1024;
const POSITION_BYTES_MAX = 64;

export function encodeMerkleQuestion(question: MerkleQuestion): Uint8Array {
  const writer = new ByteWriter().u8(READER_MESSAGE.merkle).u8(KIND[question.kind]);
  switch (question.kind) {
    case "roots":
      writer.varint(question.query);
      break;
    case "leaves":
      writer.varint(question.query.first).varint(question.query.count);
      break;
    case "rows":
      writeNumbers(writer, question.query.leaves);
      writer.bytes(question.query.after ?? none).varint(question.query.rowsMax);
      break;
    case "records":
      writePositions(writer, question.query.positions);
      writer.varint(question.query.bytesMax);
      break;
    case "verify":
      writer.bytes(question.query.after ?? none).varint(question.query.rowsMax);
      break;
    case "sealable":
      writer.bytes(question.query.after).bytes(question.query.before).varint(question.query.rowsMax);
  }
  return writer.finish();
}

export function decodeMerkleQuestion(message: Uint8Array): MerkleQuestion {
  const reader = new ByteReader(message);
  if (reader.u8() !== READER_MESSAGE.merkle)
    throw new MalformedBytes("the message does not ask for the tree");
  const question = readQuestion(reader);
  reader.end();
  return question;
}

function readQuestion(reader: ByteReader): MerkleQuestion {
  const kind = reader.u8();
  switch (kind) {
    case KIND.roots:
      return { kind: "roots", query: reader.varint() };
    case KIND.leaves:
      return { kind: "leaves", query: { first: reader.varint(), count: reader.varint() } };
    case KIND.rows:
      return {
        kind: "rows",
        query: { leaves: readNumbers(reader), after: readCursor(reader), rowsMax: reader.varint() },
      };
    case KIND.records:
      return { kind: "records", query: { positions: readPositions(reader), bytesMax: reader.varint() } };
    case KIND.verify:
      return { kind: "verify", query: { after: readCursor(reader), rowsMax: reader.varint() } };
    case KIND.sealable:
      return {
        kind: "sealable",
        query: {
          after: reader.bytes(POSITION_BYTES_MAX),
          before: reader.bytes(POSITION_BYTES_MAX),
          rowsMax: reader.varint(),
        },
      };
    default:
      throw new MalformedBytes(`unknown question ${kind} about the tree`);
  }
}

/** What each kind of answer holds beside its status. */
const ENCODE: { readonly [K in MerkleKind]: (writer: ByteWriter, answer: Read<K>) => void } = {
  roots: (writer, { partitions }) => {
    writer.varint(partitions.length);
    for (const { root, keys } of partitions) writer.raw(root).varint(Math.max(0, keys));
  },
  leaves: (writer, { leaves, rootsWrong }) => {
    writer.varint(leaves.length);
    for (const { leaf, hash } of leaves) writer.varint(leaf).raw(hash);
    writeNumbers(writer, rootsWrong);
  },
  rows: (writer, { rows, next }) => {
    writer.bytes(next ?? none).varint(rows.length);
    for (const { position, digest } of rows) writer.raw(position).raw(digest);
  },
  records: (writer, { rows, positionsRead, corrupt }) => {
    writer.varint(positionsRead).varint(rows.length);
    for (const { position, digest, record } of rows) writer.raw(position).raw(digest).bytes(record);
    writePositions(writer, corrupt);
  },
  verify: (writer, { rowsChecked, corrupt, leavesWrong, next }) => {
    writer.varint(rowsChecked);
    writePositions(writer, corrupt);
    writeNumbers(writer, leavesWrong);
    writer.bytes(next ?? none);
  },
  sealable: (writer, { rows, next }) => {
    writer.bytes(next ?? none);
    writeSealedRows(writer, rows);
  },
};

const DECODE: { readonly [K in MerkleKind]: (reader: ByteReader) => Read<K> } = {
  roots: (reader) => ({
    status: "read",
    partitions: readList(reader, (): PartitionSummary => ({ root: reader.raw(16), keys: reader.varint() })),
  }),
  leaves: (reader) => ({
    status: "read",
    leaves: readList(reader, (): LeafHash => ({ leaf: reader.varint(), hash: reader.raw(16) })),
    rootsWrong: readNumbers(reader),
  }),
  rows: (reader) => {
    const next = readCursor(reader);
    const read = (): RowDigest => ({ position: reader.raw(16), digest: reader.raw(16) });
    return { status: "read", rows: readList(reader, read), next };
  },
  records: (reader) => {
    const positionsRead = reader.varint();
    const read = (): RecordRow => ({
      position: reader.raw(16),
      digest: reader.raw(16),
      record: reader.bytes(RECORD_BYTES_MAX),
    });
    return { status: "read", positionsRead, rows: readList(reader, read), corrupt: readPositions(reader) };
  },
  verify: (reader) => ({
    status: "read",
    rowsChecked: reader.varint(),
    corrupt: readPositions(reader),
    leavesWrong: readNumbers(reader),
    next: readCursor(reader),
  }),
  sealable: (reader) => {
    const next = readCursor(reader);
    return { status: "read", rows: readSealedRows(reader, Infinity), next };
  },
};

type Read<K extends MerkleKind> = Extract<MerkleAnswers[K], { status: "read" }>;

export function encodeMerkleAnswer<K extends MerkleKind>(kind: K, answer: MerkleAnswers[K]): Uint8Array {
  const writer = new ByteWriter(1_024);
  if (answer.status === "failed") return writer.u8(STATUS.failed).text(answer.message).finish();
  writer.u8(STATUS.read);
  ENCODE[kind](writer, answer as Read<K>);
  return writer.finish();
}

export function decodeMerkleAnswer<K extends MerkleKind>(kind: K, message: Uint8Array): MerkleAnswers[K] {
  const reader = new ByteReader(message);
  const status = reader.u8();
  if (status === STATUS.failed) return { status: "failed", message: reader.text(TEXT_BYTES_MAX) };
  if (status !== STATUS.read)
    throw new MalformedBytes(`unknown status ${status} of an answer about the tree`);
  const answer = DECODE[kind](reader);
  reader.end();
  return answer;
}

const none = new Uint8Array(0);

function readCursor(reader: ByteReader): Uint8Array | undefined {
  const after = reader.bytes(POSITION_BYTES_MAX);
  return after.length === 0 ? undefined : after;
}

function writePositions(writer: ByteWriter, positions: readonly Uint8Array[]): void {
  writer.varint(positions.length);
  for (const position of positions) writer.raw(position);
}

function readPositions(reader: ByteReader): Uint8Array[] {
  return readList(reader, () => reader.raw(16));
}
