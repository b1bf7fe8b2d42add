import type {
  LeafRange,
  LeafRowsQuery,
  LeafRowsRead,
  LeavesRead,
  RecordRow,
  RecordsQuery,
  RecordsRead,
  RootsRead,
  RowDigest,
} from "../ports/merkle-store.ts";
import { type Database, DatabaseFailure } from "../ports/database.ts";
import {
  decodeMerkleQuestion,
  encodeMerkleAnswer,
  type MerkleAnswers,
  type MerkleKind,
  type MerkleQuestion,
} from "./merkle-codec.ts";
import { boundOf } from "../merkle/leaf.ts";
import { compareBytes } from "../version/record.ts";
import type { Digester } from "../ports/hash.ts";
import { hasSoundDigest } from "./row-check.ts";
import { TreeReader } from "../merkle/tree-reader.ts";
import { verifyRows } from "./merkle-verify.ts";
import { readSealableRows } from "./sealable-rows.ts";

/**
 * Answers one question of anti-entropy, or of a seal round, from committed data, in one short transaction: what it says of the tree and of
 * the rows fits together.
 */
export function answerMerkle(message: Uint8Array, data: Database, hash: Digester): Uint8Array {
  const question = decodeMerkleQuestion(message);
  try {
    data.begin();
    const answer = answerTo(question, data, hash);
    data.commit();
    return encodeMerkleAnswer(question.kind, answer);
  } catch (error) {
    data.rollback();
    if (!(error instanceof DatabaseFailure)) throw error;
    return encodeMerkleAnswer(question.kind, { status: "failed", message: error.message });
  }
}

function answerTo(question: MerkleQuestion, data: Database, hash: Digester): MerkleAnswers[MerkleKind] {
  switch (question.kind) {
    case "roots":
      return readRoots(question.query, data);
    case "leaves":
      return readLeaves(question.query, data);
    case "rows":
      return readRows(question.query, data);
    case "records":
      return readRecords(question.query, data, hash);
    case "verify":
      return verifyRows(question.query, data, hash);
    case "sealable":
      return readSealableRows(question.query, data, hash);
  }
}

function readLeaves(range: LeafRange, data: Database): LeavesRead {
  const tree = new TreeReader(data.tree);
  return { status: "read", leaves: tree.leaves(range), rootsWrong: tree.rootsWrong(range) };
}

function readRoots(partitions: number, data: Database): RootsRead {
  return { status: "read", partitions: new TreeReader(data.tree).partitions(partitions) };
}

function readRows({ leaves, after, rowsMax }: LeafRowsQuery, data: Database): LeafRowsRead {
  const rows: RowDigest[] = [];
  for (const { first, end } of rangesOf(leaves)) {
    const start = boundOf(first);
    const from = after !== undefined && compareBytes(after, start) > 0 ? after : start;
    // One more than is wanted says whether there is more.
    rows.push(...data.digests(from, boundOf(end), rowsMax + 1 - rows.length));
    if (rows.length <= rowsMax) continue;
    rows.length = rowsMax;
    return { status: "read", rows, next: rows.at(-1)!.position };
  }
  return { status: "read", rows, next: undefined };
}

/** Neighbouring leaves as one range each, `end` not included. */
function rangesOf(leaves: readonly number[]): { first: number; end: number }[] {
  const ranges: { first: number; end: number }[] = [];
  for (const leaf of leaves) {
    const last = ranges.at(-1);
    if (last?.end === leaf) last.end = leaf + 1;
    else ranges.push({ first: leaf, end: leaf + 1 });
  }
  return ranges;
}

function readRecords({ positions, bytesMax }: RecordsQuery, data: Database, hash: Digester): RecordsRead {
  const rows: RecordRow[] = [];
  const corrupt: Uint8Array[] = [];
  let positionsRead = 0;
  let bytes = 0;
  for (const position of positions) {
    const row = data.read(position);
    if (row !== undefined && rows.length > 0 && bytes + row.record.length > bytesMax) break;
    positionsRead += 1;
    if (row === undefined) continue;
    if (!hasSoundDigest(row, hash)) {
      corrupt.push(position);
      continue;
    }
    bytes += row.record.length;
    rows.push({ position, digest: row.digest, record: row.record });
  }
  return { status: "read", rows, positionsRead, corrupt };
}
