import { countingRandom, keyNamed, writeOf } from "../core/storage/sample-writes.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { commandBytes, encodeWrites } from "../../../../node/core/storage/write-codec.ts";
import { type Database, DatabaseFailure, type StoredRow } from "../../../../node/core/ports/database.ts";
import { decodeWriterReply, type WriterReply } from "../../../../node/core/storage/write-reply-codec.ts";
import { expect } from "chai";
import { GroupCommit } from "../../../../node/core/storage/group-commit.ts";
import { join } from "node:path";
import { md5Digester } from "../../../../node/adapters/md5.ts";
import { PipePair } from "../core/storage/pipe-pair.ts";
import Sqlite from "better-sqlite3";
import { SqliteDatabase } from "../../../../node/adapters/sqlite-database.ts";
import { tmpdir } from "node:os";

const cacheBytes = 1 << 20;
const random = countingRandom(9_000);

function rowAt(first: number, more: Partial<StoredRow> = {}): StoredRow {
  const position = new Uint8Array(16);
  position[0] = first;
  const record = new Uint8Array([1, 2, 3]);
  return {
    position,
    record,
    digest: md5Digester.md5(record),
    mine: new Uint8Array([65]),
    keptFor: [],
    ...more,
  };
}

function rowNumbered(n: number, owner: string): StoredRow {
  const row = rowAt(0, { keptFor: [owner] });
  new DataView(row.position.buffer).setUint32(0, n);
  return row;
}

function failureOf(run: () => unknown): DatabaseFailure {
  try {
    run();
  } catch (error) {
    if (error instanceof DatabaseFailure) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("SqliteDatabase", () => {
  let dir: string;
  let path: string;
  let open: { close(): void }[];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "dynamokv-sqlite-"));
    path = join(dir, "data.db");
    open = [];
  });

  afterEach(() => {
    for (const database of open) database.close();
    rmSync(dir, { recursive: true });
  });

  function openDatabase(role: "write" | "read" = "write", fileBytesMax?: number): SqliteDatabase {
    const database = new SqliteDatabase({ path, role, cacheBytes, fileBytesMax });
    open.push(database);
    return database;
  }

  function inside(database: Database, run: () => void): void {
    database.begin();
    run();
    database.commit();
  }

  it("gives back rows as they were written, replaces them, and removes them", () => {
    const database = openDatabase();
    const row = rowAt(1, { keptFor: ["a", "b"] });
    inside(database, () => database.write(row));
    expect(plain(database.read(row.position)!)).to.deep.equal(row);
    const next = rowAt(1, { record: new Uint8Array(5_000).fill(9), mine: new Uint8Array(0) });
    inside(database, () => database.write(next));
    expect(plain(database.read(row.position)!)).to.deep.equal(next);
    expect(database.count()).to.equal(1);
    inside(database, () => database.remove(row.position));
    expect(database.read(row.position)).to.equal(undefined);
  });

  it("scans in the order of positions, from after a given one", () => {
    const database = openDatabase();
    inside(database, () => [5, 1, 200, 3].forEach((first) => database.write(rowAt(first))));
    const firsts = (rows: StoredRow[]): number[] => rows.map(({ position }) => position[0]!);
    expect(firsts(database.scan(undefined, 3))).to.deep.equal([1, 3, 5]);
    expect(firsts(database.scan(rowAt(3).position, 9))).to.deep.equal([5, 200]);
  });

  it("finds one owner's rows by position, whoever else they are kept for", () => {
    const database = openDatabase();
    const sets = [["a"], ["a", "b"], ["b"], [], ["aa"], ["b", "c"], ["a"]];
    inside(database, () => sets.forEach((keptFor, i) => database.write(rowAt(i + 1, { keptFor }))));
    const found = (owner: string, after: number | undefined, limit: number): (number | undefined)[] =>
      database
        .positionsKeptFor(owner, after === undefined ? undefined : rowAt(after).position, limit)
        .map((position) => position[0]);
    expect(found("a", undefined, 10)).to.deep.equal([1, 2, 7]);
    expect(found("a", undefined, 2)).to.deep.equal([1, 2]);
    expect(found("a", 2, 10)).to.deep.equal([7]);
    expect(found("b", undefined, 10)).to.deep.equal([2, 3, 6]);
    expect(found("none", undefined, 10)).to.deep.equal([]);
    inside(database, () => {
      database.write(rowAt(2, { keptFor: ["b"] }));
      database.remove(rowAt(1).position);
    });
    expect(found("a", undefined, 10)).to.deep.equal([7]);
    const { markers, hintsByOwner } = database.countKept();
    expect([markers, Object.fromEntries(hintsByOwner)]).to.deep.equal([0, { a: 1, aa: 1, b: 3, c: 1 }]);
  });

  it("finds and counts markers among an owner's hints", () => {
    const database = openDatabase();
    const marker = { ...rowAt(2, { keptFor: ["a", "b"] }), record: new Uint8Array(0) };
    inside(database, () => {
      database.write(rowAt(1, { keptFor: ["a"] }));
      database.write(marker);
    });
    expect(database.read(marker.position)).to.deep.include({ keptFor: ["a", "b"], record: Buffer.alloc(0) });
    expect(database.positionsKeptFor("a", undefined, 9).map(([first]) => first)).to.deep.equal([1, 2]);
    const { markers, hintsByOwner } = database.countKept();
    expect([markers, Object.fromEntries(hintsByOwner)]).to.deep.equal([1, { a: 2, b: 1 }]);
    inside(database, () => database.write(rowAt(2, { keptFor: ["a", "b"] })));
    expect(database.countKept().markers).to.equal(0);
  });

  it("tells the bytes in use: up with each row, also before the commit, and down when rows go", () => {
    const database = openDatabase();
    const empty = database.usedBytes();
    const record = new Uint8Array(100_000);
    database.begin();
    for (let n = 1; n <= 10; n++) database.write(rowAt(n, { record }));
    expect(database.usedBytes() - empty).to.be.within(1_000_000, 1_200_000);
    database.commit();
    inside(database, () => {
      for (let n = 1; n <= 10; n++) database.remove(rowAt(n).position);
    });
    expect(database.usedBytes() - empty).to.be.below(20_000);
  });

  it("keeps what it says of itself in the transactions of its rows, also through a reopening", () => {
    const database = openDatabase();
    expect(database.identity()).to.equal(undefined);
    const identity = {
      storeId: "00000000000000aa",
      sequence: 5_000_000_000,
      lostStores: [],
      recovering: false,
    };
    database.begin();
    database.writeIdentity(identity);
    database.rollback();
    expect(database.identity()).to.equal(undefined);
    inside(database, () => database.writeIdentity(identity));
    const more = { lostStores: ["a", "b"], tombstones: { count: 7, inDoubt: true } };
    const changed = { ...identity, ...more, sequence: 5_000_000_001, recovering: true };
    inside(database, () => database.writeIdentity(changed));
    expect(openDatabase().identity()).to.deep.equal(changed);
    inside(database, () => database.tree.dropChanges(Number.MAX_SAFE_INTEGER));
    expect(database.identity(), "it is none of the tree's").to.deep.equal(changed);
    expect(database.tree.changes(0)).to.deep.equal([]);
  });

  it("does not believe what it says of itself where that has rotted", () => {
    const database = openDatabase();
    const identity = { storeId: "00000000000000aa", sequence: 1, lostStores: [], recovering: false };
    inside(database, () => database.writeIdentity(identity));
    const raw = new Sqlite(path);
    for (const text of ["", "{", "[]", '{"storeId":"a","sequence":1.5,"recovering":true,"lostStores":[]}']) {
      raw.prepare("UPDATE merkle_changes SET changes = ?").run(Buffer.from(text));
      expect(database.identity(), text).to.equal(undefined);
    }
    raw.close();
  });

  it("finds an owner's few hints among many for another without reading those", () => {
    const database = openDatabase();
    const many = 20_000;
    inside(database, () => {
      for (let i = 0; i < many; i++) database.write(rowNumbered(i, i % 5_000 === 0 ? "few" : "many"));
    });
    const averageMs = (owner: string): number => {
      const startMs = performance.now();
      for (let i = 0; i < 50; i++) database.positionsKeptFor(owner, undefined, 100);
      return (performance.now() - startMs) / 50;
    };
    expect(database.positionsKeptFor("few", undefined, 100)).to.have.length(4);
    const scanStartMs = performance.now();
    database.scan(undefined, many);
    expect(averageMs("few")).to.be.lessThan((performance.now() - scanStartMs) / 10);
  });

  it("makes the index of hints where a file of an earlier build has none", () => {
    openDatabase().close();
    const raw = new Sqlite(path);
    raw.exec("DROP INDEX record_kept_for");
    raw.close();
    const database = openDatabase();
    inside(database, () => database.write(rowAt(1, { keptFor: ["a"] })));
    expect(database.positionsKeptFor("a", undefined, 1)).to.have.length(1);
  });

  it("forgets what is rolled back, and has nothing to roll back twice", () => {
    const database = openDatabase();
    database.begin();
    database.write(rowAt(1));
    database.rollback();
    database.rollback();
    expect(database.count()).to.equal(0);
  });

  it("shows a reader committed rows only", () => {
    const writer = openDatabase();
    const reader = openDatabase("read");
    writer.begin();
    writer.write(rowAt(1));
    expect(reader.count()).to.equal(0);
    writer.commit();
    expect(reader.count()).to.equal(1);
    expect(failureOf(() => inside(reader, () => reader.write(rowAt(2))))).to.include({
      code: "not_writable",
    });
  });

  it("fails with disk_full at its quota, keeps what it had, and goes on after a rollback", () => {
    const database = openDatabase("write", 200 * 1024);
    inside(database, () => database.write(rowAt(1)));
    const failure = failureOf(() =>
      inside(database, () => {
        for (let i = 2; i < 250; i++) database.write(rowAt(i, { record: new Uint8Array(2_000) }));
      }),
    );
    expect(failure.code).to.equal("disk_full");
    expect(failure.message).to.include(path).and.include("Free space");
    database.rollback();
    expect(database.count()).to.equal(1);
    inside(database, () => database.write(rowAt(2)));
    expect(database.count()).to.equal(2);
  });

  it("runs the group commit: a full disk fails the batch and changes the actor", () => {
    const data = openDatabase("write", 200 * 1024);
    const replies: WriterReply[] = [];
    const pipe = new PipePair();
    pipe.near.onMessage((message) => replies.push(decodeWriterReply(message)));
    const clock = { monotonicMs: () => 0, wallMs: () => 0 };
    const limits = { siblingsMax: 9, recordBytesMax: 1 << 20, hintBytesMax: 1 << 30 };
    const engine = new GroupCommit({
      data,
      hints: data,
      pipe: pipe.far,
      hash: md5Digester,
      random,
      clock,
      limits,
    });
    const put = (call: number, value: Uint8Array): void => {
      const command = { kind: "coordinate", write: writeOf("cart", "", { value }) } as const;
      pipe.near.post(encodeWrites(call, [command], commandBytes(command)));
      pipe.far.deliver();
      while (engine.apply()) engine.commit();
      pipe.near.deliver();
    };
    put(0, new Uint8Array(100));
    put(1, new Uint8Array(500_000));
    put(2, new Uint8Array(100));
    const settled = replies.flatMap((reply) => (reply.kind === "settled" ? reply.runs : []));
    expect(settled.map(({ result }) => (result.ok ? "ok" : result.code))).to.deep.equal([
      "ok",
      "read_only",
      "ok",
    ]);
    const dots = replies.flatMap((reply) => (reply.kind === "merged" ? reply.merged : []));
    const actors = dots.flatMap(({ result }) => (result.ok ? [result.dot.actor] : []));
    expect(actors.at(-1)).to.not.equal(actors[0]);
    expect(data.read(keyNamed("cart").position)).to.not.equal(undefined);
  });

  it("refuses a file of a newer schema, and one that is not its own, and says what to do", () => {
    openDatabase().close();
    const raw = new Sqlite(path);
    raw.pragma("user_version = 4");
    raw.close();
    for (const role of ["write", "read"] as const) {
      const failure = failureOf(() => openDatabase(role));
      expect(failure.code).to.equal("schema_newer");
      expect(failure.message).to.include("schema version 4").and.include("or a later one");
    }
    const other = new Sqlite(join(dir, "other.db"));
    other.exec("CREATE TABLE something (a)");
    other.close();
    path = join(dir, "other.db");
    expect(failureOf(() => openDatabase()).message).to.include("not a DynamoKV database");
  });

  it("does not open for reading what is not there", () => {
    expect(failureOf(() => openDatabase("read")).code).to.equal("not_writable");
  });
});

function plain(row: StoredRow): StoredRow {
  const { position, record, digest, mine, keptFor } = row;
  const bytes = (view: Uint8Array): Uint8Array => new Uint8Array(view);
  return {
    position: bytes(position),
    record: bytes(record),
    digest: bytes(digest),
    mine: bytes(mine),
    keptFor,
  };
}
