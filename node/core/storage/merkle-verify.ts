import { blockOf, boundOf, HASH_BYTES, leafOf, LEAVES_PER_BLOCK, xorHash } from "../merkle/leaf.ts";
import { LEAF_COUNT, type RowDigest, type VerifyQuery, type VerifyRead } from "../ports/merkle-store.ts";
import { compareBytes } from "../version/record.ts";
import type { Database } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import { hasSoundDigest } from "./row-check.ts";
import { isAstray, placeOf } from "./refile-rows.ts";
import type { LeafBlock } from "../merkle/leaf-block.ts";
import { TreeReader } from "../merkle/tree-reader.ts";

/**
 * One step of the slow check of everything: rows against their digests, leaves against their rows, blocks against their
 * leaves. It finds what a bad disk did to rows that nobody reads, and rows that are gone, which their leaf still holds.
 * A leaf belongs to the step that passes its end, so that every leaf is checked once a pass, however long the steps.
 */
export function verifyRows({ after, rowsMax }: VerifyQuery, data: Database, hash: Digester): VerifyRead {
  const from = after ?? boundOf(0);
  const wanted = data.digests(from, boundOf(LEAF_COUNT), rowsMax + 1);
  const { rowsChecked, corrupt, misplaced } = checkRecords(wanted.slice(0, rowsMax), data, hash);
  const rows = wanted.slice(0, rowsChecked);
  const next = rowsChecked < wanted.length ? rows.at(-1)!.position : undefined;
  const first = after === undefined ? 0 : leafOf(after);
  const passed = {
    first,
    end: next === undefined ? LEAF_COUNT : leafOf(next),
    tree: new TreeReader(data.tree),
  };
  const earlier = after === undefined ? [] : rowsUpTo(after, first, data);
  const ofRows = wrongLeaves([...earlier, ...rows], passed);
  const wrong = new Set([...ofRows, ...leavesOfWrongBlocks(passed), ...misplaced]);
  const leavesWrong = [...wrong].sort((a, b) => a - b);
  return { status: "read", rowsChecked, corrupt, leavesWrong, next };
}

/** A step ends with the row that exceeds this. */
const BYTES_PER_STEP = 4 * 1024 * 1024;
const ROWS_PER_READ = 1_024;

function checkRecords(
  rows: readonly RowDigest[],
  data: Database,
  hash: Digester,
): { rowsChecked: number; corrupt: Uint8Array[]; misplaced: number[] } {
  const corrupt: Uint8Array[] = [];
  const misplaced: number[] = [];
  let rowsChecked = 0;
  let bytes = 0;
  for (const { position } of rows) {
    if (bytes > BYTES_PER_STEP) break;
    rowsChecked += 1;
    const row = data.read(position);
    if (row === undefined) {
      misplaced.push(leafOf(position));
      continue;
    }
    bytes += row.record.length;
    const isSound = hasSoundDigest(row, hash);
    if (isAstray(row, data, hash)) {
      misplaced.push(leafOf(position));
      // Nobody has it at this place. At its own it may have been written again.
      const place = placeOf(row, hash);
      if (!isSound && data.read(place) === undefined) corrupt.push(place);
    } else if (!isSound) corrupt.push(position);
  }
  return { rowsChecked, corrupt, misplaced };
}

/** The rows of the leaf that earlier steps have passed already. */
function rowsUpTo(last: Uint8Array, leaf: number, data: Database): RowDigest[] {
  const passed: RowDigest[] = [];
  for (let after = boundOf(leaf); ;) {
    const rows = data.digests(after, boundOf(leaf + 1), ROWS_PER_READ);
    for (const row of rows) {
      if (compareBytes(row.position, last) > 0) return passed;
      passed.push(row);
    }
    if (rows.length < ROWS_PER_READ) return passed;
    after = rows.at(-1)!.position;
  }
}

/** Leaves from `first` up to `end`, which is not included. */
interface Passed {
  readonly first: number;
  readonly end: number;
  readonly tree: TreeReader;
}

/** Leaves that are not what their rows make; `rows` ascending. */
function wrongLeaves(rows: readonly RowDigest[], { first, end, tree }: Passed): number[] {
  const wrong: number[] = [];
  const occupied = new Set(tree.occupiedBlocks());
  const sum = new Uint8Array(HASH_BYTES);
  let block: LeafBlock | undefined;
  let at = 0;
  for (let leaf = first; leaf < end; leaf++) {
    const isRowHere = at < rows.length && blockOf(leafOf(rows[at]!.position)) === blockOf(leaf);
    if (!isRowHere && !occupied.has(blockOf(leaf))) {
      leaf = (blockOf(leaf) + 1) * LEAVES_PER_BLOCK - 1;
      continue;
    }
    let keys = 0;
    sum.fill(0);
    for (; at < rows.length && leafOf(rows[at]!.position) === leaf; at++, keys++) {
      xorHash(sum, 0, rows[at]!.digest);
    }
    if (block?.block !== blockOf(leaf)) block = tree.block(blockOf(leaf));
    if (block.keysOf(leaf) !== keys || compareBytes(block.hashOf(leaf), sum) !== 0) wrong.push(leaf);
  }
  return wrong;
}

/** A leaf of each block, among those whose end was passed, that is not the sum of its leaves. */
function leavesOfWrongBlocks({ first, end, tree }: Passed): number[] {
  const wrong: number[] = [];
  for (const block of tree.occupiedBlocks()) {
    const blockEnd = (block + 1) * LEAVES_PER_BLOCK;
    if (blockEnd > first && blockEnd <= end && !tree.block(block).sumAgain()) wrong.push(blockEnd - 1);
  }
  return wrong;
}
