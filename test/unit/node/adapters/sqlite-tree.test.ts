import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { keyNamed, writeOf } from "../core/storage/sample-writes.ts";
import { treeAsStored, treeOfRows } from "../core/merkle/tree-model.ts";
import { compareBytes } from "../../../../node/core/version/record.ts";
import { DatabaseFailure } from "../../../../node/core/ports/database.ts";
import { ensureTree } from "../../../../node/core/merkle/tree-build.ts";
import { expect } from "chai";
import { join } from "node:path";
import { leafOf } from "../../../../node/core/merkle/leaf.ts";
import { LEAF_COUNT } from "../../../../node/core/ports/merkle-store.ts";
import Sqlite from "better-sqlite3";
import { SqliteDatabase } from "../../../../node/adapters/sqlite-database.ts";
import { StoreRig } from "../core/storage/store-rig.ts";
import { tmpdir } from "node:os";

/** data.db as the builds before the tree made it. */
const SCHEMA_OF_VERSION_1 = `
  CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    position BLOB NOT NULL,
    digest BLOB NOT NULL,
    mine BLOB NOT NULL,
    kept_for TEXT NOT NULL,
    record BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX record_position ON record (position);
  PRAGMA application_id = 1148799830;
  PRAGMA user_version = 1;
`;

describe("SqliteDatabase with a Merkle tree", () => {
  let dir: string;
  let path: string;
  let open: SqliteDatabase[];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "dynamokv-tree-"));
    path = join(dir, "data.db");
    open = [];
  });

  afterEach(() => {
    closeAll();
    rmSync(dir, { recursive: true });
  });

  function openDatabase(role: "write" | "read" = "write", fileBytesMax?: number): SqliteDatabase {
    const database = new SqliteDatabase({ path, role, cacheBytes: 1 << 20, fileBytesMax });
    open.push(database);
    return database;
  }

  function closeAll(): void {
    // The writer last, so that it leaves no log behind.
    for (const database of open.splice(0).toReversed()) database.close();
  }

  /** Writer and reader on connections of their own, as in a node. */
  function startRig(changesPerFold?: number): {
    rig: StoreRig;
    data: SqliteDatabase;
    reader: SqliteDatabase;
  } {
    const data = openDatabase();
    const reader = openDatabase("read");
    const more = changesPerFold === undefined ? {} : { changesPerFold };
    return { rig: new StoreRig({ data, readerData: reader, ...more }), data, reader };
  }

  async function putMany(rig: StoreRig, count: number, text: string, batch = 50): Promise<void> {
    for (let i = 0; i < count; i++) {
      rig.store.coordinate(writeOf(`key-${i}`, `${text}-${i}`));
      if (i % batch === batch - 1) await rig.run();
    }
    await rig.run();
  }

  function expectSound(database: SqliteDatabase, partitions = 256): void {
    expect(treeAsStored(database, partitions)).to.deep.equal(treeOfRows(database, partitions));
  }

  it("keeps leaves and roots right over many folds, restarts and overwritten rows, for readers too", async () => {
    for (const text of ["first", "second"]) {
      const { rig, data, reader } = startRig(2);
      await putMany(rig, 420, text, 7);
      expectSound(data);
      expectSound(reader, 16);
      expect(data.tree.changes(0).length).to.be.within(1, 257);
      const read = await rig.until(rig.store.partitionRoots(64));
      if (read.status === "failed") throw new Error(read.message);
      const roots = read.partitions.map(({ root, keys }) => ({
        root: Buffer.from(root).toString("hex"),
        keys,
      }));
      expect(roots).to.deep.equal(treeOfRows(data, 64).roots);
      closeAll();
    }
  });

  it("gives two databases with the same records the same roots, however these came", async () => {
    const { rig, data } = startRig();
    await putMany(rig, 120, "value");
    path = join(dir, "other.db");
    const other = startRig(5);
    for (const { position, record } of data.scan(undefined, 1_000).toReversed()) {
      void other.rig.store.store({
        position: new Uint8Array(position),
        record: new Uint8Array(record),
        keptFor: [],
      });
      if (position[15]! % 8 === 0) await other.rig.run();
    }
    await other.rig.run();
    expect(treeAsStored(other.data, 256)).to.deep.equal(treeAsStored(data, 256));
    other.rig.store.coordinate(writeOf("key-7", "another value"));
    await other.rig.run();
    const [ours, theirs] = [treeAsStored(data, 256), treeAsStored(other.data, 256)];
    const differing = [...theirs.leaves].filter(([leaf, hash]) => ours.leaves.get(leaf) !== hash);
    expect(differing.map(([leaf]) => leaf)).to.deep.equal([leafOf(keyNamed("key-7").position)]);
  });

  it("takes the tree back with the rows where a transaction fails, and goes on from there", async () => {
    const data = openDatabase("write", 400 * 1024);
    const rig = new StoreRig({ data, changesPerFold: 2 });
    const outcomes = new Set<boolean>();
    for (let i = 0; i < 60; i++) {
      const value = new Uint8Array(i % 10 === 9 ? 90_000 : 500);
      const { durable } = rig.store.coordinate(writeOf(`key-${i}`, "", { value }));
      await rig.run();
      outcomes.add((await durable).ok);
      expectSound(data);
    }
    expect([...outcomes], "some were kept, some found the disk full").to.have.members([true, false]);
  });

  it("shows a reader the tree of the rows that it sees", () => {
    const data = openDatabase();
    const reader = openDatabase("read");
    ensureTree(data, () => undefined);
    data.begin();
    data.tree.writeChanges({ seq: 2, changes: new Uint8Array(24).fill(1) });
    expect(reader.tree.changes(0)).to.have.length(1);
    data.commit();
    expect(reader.tree.changes(1).map(({ seq }) => seq)).to.deep.equal([2]);
    data.begin();
    data.tree.dropChanges(1);
    data.commit();
    expect(reader.tree.changes(0).map(({ seq }) => seq)).to.deep.equal([2]);
    expect(() => reader.tree.dropChanges(5)).to.throw(DatabaseFailure);
  });

  it("finds ranges of positions by bounds of any length, and visits every row", () => {
    const data = openDatabase();
    const firsts = [
      [0, 0, 0],
      [0, 0, 0x3f],
      [0, 0, 0x40],
      [0xff, 0xff, 0xff],
    ];
    data.begin();
    for (const first of firsts) {
      const position = new Uint8Array(16);
      position.set(first);
      data.write({ position, record: position, digest: position, mine: new Uint8Array(0), keptFor: [] });
    }
    data.commit();
    const found = (after: number[], before: number[], limit = 9) =>
      data.digests(Uint8Array.from(after), Uint8Array.from(before), limit).map(({ position }) => position[2]);
    expect(found([0, 0, 0], [0, 0, 0x40])).to.deep.equal([0, 0x3f]);
    expect(found([0, 0, 0x40], Array<number>(17).fill(0xff))).to.deep.equal([0x40, 0xff]);
    expect(found([], [0xff], 1)).to.deep.equal([0]);
    expect(found([0, 0, 0, ...Array<number>(13).fill(0)], [1])).to.deep.equal([0x3f, 0x40]);
    const visited: number[] = [];
    data.eachDigest((position, digest) => {
      expect(compareBytes(position, digest)).to.equal(0);
      visited.push(position[2]!);
    });
    expect(visited.sort((a, b) => a - b)).to.deep.equal([0, 0x3f, 0x40, 0xff]);
  });

  it("opens a file of before the tree, keeps its rows, and builds the tree from them once", async () => {
    const { rig, data: made } = startRig();
    await putMany(rig, 300, "value", 300);
    const rows = made.scan(undefined, 1_000);
    closeAll();
    rmSync(path);
    expect(existsSync(`${path}-wal`)).to.equal(false);
    const raw = new Sqlite(path);
    raw.pragma("journal_mode = WAL");
    raw.exec(SCHEMA_OF_VERSION_1);
    const insert = raw.prepare(
      "INSERT INTO record (position, digest, mine, kept_for, record) VALUES (?, ?, ?, '', ?)",
    );
    for (const { position, digest, mine, record } of rows) insert.run(position, digest, mine, record);
    raw.close();

    const data = openDatabase();
    expect(data.count()).to.equal(300);
    let reports = 0;
    ensureTree(data, () => (reports += 1));
    expectSound(data);
    expect(reports, "300 rows are no reason for a report").to.equal(0);
    const lists = data.tree.changes(0).length;
    ensureTree(data, () => undefined);
    expect(data.tree.changes(0)).to.have.length(lists);
    closeAll();
    const next = startRig();
    await putMany(next.rig, 20, "changed");
    expectSound(next.data);
    expectSound(next.reader);
  });

  it("builds the tree anew where a build of before wrote to a file that had one", async () => {
    const { rig } = startRig();
    await putMany(rig, 30, "value");
    closeAll();
    const raw = new Sqlite(path);
    raw.pragma("user_version = 1");
    raw.exec("DELETE FROM record WHERE id < 10");
    raw.close();
    const data = openDatabase();
    ensureTree(data, () => undefined);
    expect(data.count()).to.equal(21);
    expectSound(data);
  });

  it("notices a block whose root rotted in the file", async () => {
    const { rig, data } = startRig(1);
    await putMany(rig, 300, "value", 10);
    const [head] = data.tree.heads();
    const raw = new Sqlite(path);
    raw.prepare("UPDATE merkle_block SET root = zeroblob(16) WHERE block = ?").run(head!.block);
    raw.close();
    const verify = async () => {
      const read = await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 10_000 }));
      if (read.status === "failed") throw new Error(read.message);
      return read;
    };
    const found = await verify();
    expect(found).to.deep.include({ rowsChecked: 300, corrupt: [], next: undefined });
    expect(found.leavesWrong).to.deep.equal([(head!.block + 1) * (LEAF_COUNT / 256) - 1]);
    await rig.until(rig.store.rebuildLeaves(found.leavesWrong));
    expect((await verify()).leavesWrong).to.deep.equal([]);
    expectSound(data);
  });
});
