import { boundOf, leafOf, LEAVES_PER_BLOCK } from "../../../../../node/core/merkle/leaf.ts";
import type { Database, StoredRow } from "../../../../../node/core/ports/database.ts";
import { expect } from "chai";
import fc from "fast-check";
import { LEAF_COUNT } from "../../../../../node/core/ports/merkle-store.ts";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { TreeWriter } from "../../../../../node/core/merkle/tree-writer.ts";
import { verifyRows } from "../../../../../node/core/storage/merkle-verify.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The n-th row of a leaf. */
function rowOf(leaf: number, n: number, bytes = 8): StoredRow {
  const position = new Uint8Array(16);
  position.set(boundOf(leaf));
  position[15] = n;
  const record = new Uint8Array(bytes).fill(n + 1);
  // No record begins so: nobody can say that it lies elsewhere.
  record.set([0xff, ...position.subarray(0, 3)]);
  return { position, record, digest: md5Digester.md5(record), mine: new Uint8Array(0), keptFor: [] };
}

function databaseOf(rows: readonly StoredRow[]): MemoryDatabase {
  const database = new MemoryDatabase();
  const tree = new TreeWriter(database, 2);
  for (const row of rows) {
    database.begin();
    tree.begin();
    database.write(row);
    tree.replaced(row.position, undefined, row.digest);
    tree.flush();
    database.commit();
  }
  return database;
}

/** A whole pass in steps. */
function pass(database: Database, rowsMax: number) {
  const found = { rowsChecked: 0, corrupt: [] as string[], leavesWrong: [] as number[], steps: 0 };
  for (let after: Uint8Array | undefined; ;) {
    const read = verifyRows({ after, rowsMax }, database, md5Digester);
    if (read.status === "failed") throw new Error(read.message);
    found.steps += 1;
    found.rowsChecked += read.rowsChecked;
    found.corrupt.push(...read.corrupt.map(hex));
    found.leavesWrong.push(...read.leavesWrong);
    if (read.next === undefined) return found;
    after = read.next;
  }
}

const LEAVES = [0, 1, 5, LEAVES_PER_BLOCK, LEAVES_PER_BLOCK + 1, LEAF_COUNT - 1];
const rows = LEAVES.flatMap((leaf) => [0, 1, 2].map((n) => rowOf(leaf, n)));

describe("verifyRows", () => {
  it("finds nothing where all is well, and looks at every row once", () => {
    for (const rowsMax of [1, 2, 3, 7, 100]) {
      const found = pass(databaseOf(rows), rowsMax);
      expect(found).to.deep.include({ rowsChecked: rows.length, corrupt: [], leavesWrong: [] });
      expect(found.steps).to.equal(Math.ceil(rows.length / rowsMax));
    }
  });

  it("finds each rotten record, lost row and unknown row once, however long the steps are", () => {
    const harm = fc.constantFrom("none" as const, "record" as const, "digest" as const, "lost" as const);
    const harms = fc.array(harm, { minLength: rows.length, maxLength: rows.length });
    fc.assert(
      fc.property(harms, fc.integer({ min: 1, max: 20 }), (list, rowsMax) => {
        const database = databaseOf(rows);
        list.forEach((each, i) => harmRow(database, rows[i]!, each));
        const found = pass(database, rowsMax);
        const rotten = rows.filter((_, i) => list[i] === "record" || list[i] === "digest");
        const isWrong = (leaf: number): boolean =>
          rows.some(
            (row, i) => leafOf(row.position) === leaf && (list[i] === "digest" || list[i] === "lost"),
          );
        expect(found.corrupt).to.deep.equal(rotten.map(({ position }) => hex(position)));
        expect(found.leavesWrong).to.deep.equal(LEAVES.filter(isWrong));
      }),
    );
  });

  it("finds rows that no leaf holds, and leaves whose rows are all gone", () => {
    const database = databaseOf(rows.filter(({ position }) => leafOf(position) !== 5));
    database.plant(rowOf(5, 9));
    for (const row of rows) if (leafOf(row.position) === LEAF_COUNT - 1) database.lose(row.position);
    expect(pass(database, 4).leavesWrong).to.deep.equal([5, LEAF_COUNT - 1]);
    const empty = databaseOf(rows);
    for (const row of rows) empty.lose(row.position);
    expect(pass(empty, 10).leavesWrong).to.deep.equal(LEAVES);
  });

  it("finds a block that says another root or number of rows than its leaves make", () => {
    for (const change of [{ root: new Uint8Array(16) }, { keys: 77 }]) {
      const database = databaseOf([
        ...rows,
        ...rows.map(({ position }, i) => rowOf(leafOf(position), 10 + i)),
      ]);
      // Enough turns that the block was folded.
      const tree = new TreeWriter(database, 1);
      for (let i = 0; i < 300; i++) {
        database.begin();
        tree.begin();
        tree.replaced(rows[0]!.position, rows[0]!.digest, rows[0]!.digest);
        tree.flush();
        database.commit();
      }
      const block = database.tree.block(1)!;
      database.begin();
      database.tree.writeBlock({ ...block, ...change });
      database.commit();
      expect(pass(database, 5).leavesWrong).to.deep.equal([2 * LEAVES_PER_BLOCK - 1]);
    }
  });

  it("ends a step early where records are large", () => {
    const large = [0, 1, 2, 3, 4].map((n) => rowOf(7, n, 3 * 1024 * 1024));
    const read = verifyRows({ after: undefined, rowsMax: 100 }, databaseOf(large), md5Digester);
    expect(read).to.deep.include({ rowsChecked: 2, leavesWrong: [] });
    expect(pass(databaseOf(large), 100)).to.deep.include({ rowsChecked: 5, leavesWrong: [] });
  });
});

function harmRow(
  database: MemoryDatabase,
  row: StoredRow,
  harm: "none" | "record" | "digest" | "lost",
): void {
  if (harm === "none") return;
  if (harm === "lost") return database.lose(row.position);
  const bytes = new Uint8Array(row[harm]);
  // Another bit in each row of a leaf: two of the same would cancel each other out.
  bytes[7]! ^= 1 << row.position[15]!;
  database.plant({ ...row, [harm]: bytes });
}
