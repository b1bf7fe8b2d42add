import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "chai";
import { md5Digester } from "../../../../node/adapters/md5.ts";
import { RecordCache } from "../../../../node/core/storage/record-cache.ts";
import { SqliteDatabase } from "../../../../node/adapters/sqlite-database.ts";
import type { ReplicaStore } from "../../../../node/core/ports/replica-store.ts";
import { decodeRecord } from "../../../../node/core/version/record-codec.ts";
import { flipBit, placeIn } from "./flip-bit.ts";
import { StoreRig } from "../core/storage/store-rig.ts";
import { keyNamed, writeOf } from "../core/storage/sample-writes.ts";

const cacheBytes = 1 << 20;
const VALUE = "what rots is somewhere in here".repeat(20);

/** A page that the writer has in memory is sound while the same page on the disk is not: only readers see the rot. */
describe("SqliteDatabase: a row that rots under a writer that remembers it", () => {
  let directory: string;
  let path: string;
  let databases: SqliteDatabase[];
  let rig: StoreRig;
  let record: Uint8Array;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "dynamokv-rot-"));
    path = join(directory, "data.db");
    reopen();
    const written = rig.store.coordinate(writeOf("cart", VALUE));
    const [merged] = await rig.until(Promise.all([written.merged, written.durable]));
    if (!merged.ok) throw new Error(merged.message);
    record = merged.record.slice();
    checkpoint();
  });
  afterEach(() => {
    closeAll();
    rmSync(directory, { recursive: true });
  });

  /** The writer last: it then moves what is left of the log into the file. */
  function closeAll(): void {
    for (const database of databases.splice(0).reverse()) database.close();
  }

  function checkpoint(): void {
    const checkpointer = new Sqlite(path);
    checkpointer.pragma("wal_checkpoint(PASSIVE)");
    checkpointer.close();
  }

  function reopen(): void {
    databases = (["write", "read"] as const).map((role) => new SqliteDatabase({ path, role, cacheBytes }));
    rig = new StoreRig({ data: databases[0]!, readerData: databases[1]! });
  }

  /** @param what stands in the file once */
  function rot(what: string | Uint8Array, { offset = 0 } = {}): void {
    flipBit(path, placeIn(path, what) + offset);
  }

  function placeInIndex(): number {
    const { position } = keyNamed("cart");
    return placeIn(path, position, placeIn(path, position) + 1);
  }

  async function statusOfRead(): Promise<string> {
    return (await rig.until(rig.store.read({ ...keyNamed("cart"), want: "record" }))).status;
  }

  async function siblings(from: Pick<ReplicaStore, "read"> = rig.store): Promise<string[]> {
    const read = await rig.until(from.read({ ...keyNamed("cart"), want: "record" }));
    if (read.status !== "found" || read.record === undefined) throw new Error(`the read was ${read.status}`);
    return decodeRecord(read.record).siblings.map(({ value }) => Buffer.from(value).toString());
  }

  async function store(how: { rewrite?: true }): Promise<boolean> {
    const { position } = keyNamed("cart");
    return (await rig.until(rig.store.store({ position, record, keptFor: [], ...how }))).ok;
  }

  it("stays rotten where its record only arrives again: the writer has it already", async () => {
    rot("somewhere");
    expect(await statusOfRead()).to.equal("corrupt");
    expect(await store({})).to.equal(true);
    expect(await statusOfRead()).to.equal("corrupt");
  });

  it("is sound again where it is written anew, and the tree is as it was", async () => {
    const before = await rig.until(rig.store.partitionRoots(8));
    rot("somewhere");
    expect(await statusOfRead()).to.equal("corrupt");
    expect(await store({ rewrite: true })).to.equal(true);
    expect(await statusOfRead()).to.equal("found");
    expect(await rig.until(rig.store.partitionRoots(8))).to.deep.equal(before);
  });

  it("is kept where what should be written in its place is refused", async () => {
    const { position } = keyNamed("cart");
    const refused = await rig.until(
      rig.store.store({ position, record: record.subarray(1), keptFor: [], rewrite: true }),
    );
    expect(refused).to.include({ ok: false, code: "invalid_record" });
    expect(databases[0]!.count()).to.equal(1);
  });

  it("is not removed where nobody could be given it, but written anew: the writer can read it", async () => {
    rot("somewhere");
    expect(await statusOfRead()).to.equal("corrupt");
    const { position } = keyNamed("cart");
    const digest = md5Digester.md5(record);
    expect((await rig.until(rig.store.dropRows([{ position, digest, isUnread: true }]))).ok).to.equal(true);
    expect(await siblings()).to.deep.equal([VALUE]);
  });

  async function expectRepaired(): Promise<void> {
    reopen();
    expect(await statusOfRead()).to.equal("corrupt");
    const verified = await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 10 }));
    expect(verified).to.include({ status: "read", rowsChecked: 1 });
    expect(await store({})).to.equal(true);
    expect(await statusOfRead()).to.equal("found");
  }

  it("counts as corrupt where a bit of its header makes its digest a text, and is written anew", async () => {
    closeAll();
    // No value for the rowid, then blobs of 16 bytes for position and digest; 0x2d is a text of 16 bytes.
    rot(Uint8Array.of(0, 0x2c, 0x2c), { offset: 2 });
    await expectRepaired();
  });

  for (const column of ["digest", "mine", "kept_for", "record"]) {
    it(`counts as corrupt where its ${column} is nothing, and is written anew`, async () => {
      closeAll();
      const damaging = new Sqlite(path).unsafeMode();
      damaging.pragma("writable_schema = ON");
      damaging.exec("UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'record'");
      damaging.close();
      const reopened = new Sqlite(path);
      reopened.exec(`UPDATE record SET ${column} = NULL`);
      reopened.close();
      await expectRepaired();
    });
  }

  /** In the file the place stands twice: in the row and, later, in the index. */
  function rotPlace(which: "row" | "index", byte: number): void {
    closeAll();
    flipBit(path, (which === "row" ? placeIn(path, keyNamed("cart").position) : placeInIndex()) + byte);
    reopen();
  }

  async function scrub(): Promise<number> {
    const verified = await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 10 }));
    if (verified.status !== "read") throw new Error(verified.message);
    const rebuilt = await rig.until(rig.store.rebuildLeaves(verified.leavesWrong));
    expect(rebuilt.ok).to.equal(true);
    return verified.leavesWrong.length;
  }

  for (const byte of [0, 15]) {
    it(`is found again by the scrub where bit 0 of byte ${byte} of its place in the index rotted`, async () => {
      const before = await rig.until(rig.store.partitionRoots(256));
      rotPlace("index", byte);
      expect(await statusOfRead()).to.equal("not_found");
      expect(await scrub()).to.be.greaterThan(0);
      expect(await statusOfRead()).to.equal("found");
      expect(await rig.until(rig.store.partitionRoots(256))).to.deep.equal(before);
      expect(await scrub()).to.equal(0);
    });

    it(`is one row again, and the tree as it was, where it was written anew meanwhile: byte ${byte}`, async () => {
      const before = await rig.until(rig.store.partitionRoots(256));
      rotPlace("index", byte);
      expect(await store({})).to.equal(true);
      expect(await rig.until(rig.store.partitionRoots(256))).not.to.deep.equal(before);
      expect(await scrub()).to.be.greaterThan(0);
      expect(await rig.until(rig.store.partitionRoots(256))).to.deep.equal(before);
      expect(await statusOfRead()).to.equal("found");
      expect(databases[0]!.count()).to.equal(1);
      expect(await scrub()).to.equal(0);
    });
  }

  it("is found again though the writer has a sound page of the index in memory", async () => {
    flipBit(path, placeInIndex());
    expect(await statusOfRead()).to.equal("not_found");
    expect(await scrub()).to.be.greaterThan(0);
    expect(await statusOfRead()).to.equal("found");
    expect(await scrub()).to.equal(0);
  });

  /** Of the one entry of the index: no row has the number that it names then. */
  function rotRowNumber(): void {
    rot(Uint8Array.of(3, 0x2c, 9), { offset: 2 });
  }

  async function statusOfScrub(): Promise<string> {
    return (await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 10 }))).status;
  }

  it("is found again where the index names no row, which the writer remembers better: writes never meet that", async () => {
    rotRowNumber();
    expect([await statusOfRead(), await statusOfScrub()]).to.deep.equal(["corrupt", "failed"]);
    expect((await rig.until(rig.store.coordinate(writeOf("cart", "newer")).durable)).ok).to.equal(true);
    expect(await statusOfScrub()).to.equal("failed");
    expect((await rig.until(rig.store.rereadRows(0))).ok).to.equal(true);
    expect([await statusOfRead(), await statusOfScrub()]).to.deep.equal(["found", "read"]);
    expect(await siblings()).to.have.members(["newer", VALUE]);
  });

  it("leaves a doubt in the file where the indexes are made anew and nothing else is written", async () => {
    expect(databases[0]!.identity()!.tombstones).to.deep.equal({ count: 0, inDoubt: false });
    rotRowNumber();
    await rig.until(rig.store.rereadRows(0));
    expect(databases[0]!.identity()!.tombstones).to.deep.equal({ count: 0, inDoubt: true });
  });

  it("is merged with what was written in its place while nobody could find it", async () => {
    rotPlace("index", 0);
    const rowsBefore = rig.store.rows().data;
    const written = rig.store.coordinate(writeOf("cart", "newer"));
    expect((await rig.until(written.durable)).ok).to.equal(true);
    expect(await siblings()).to.deep.equal(["newer"]);
    expect(await scrub()).to.be.greaterThan(0);
    expect(await siblings()).to.have.members(["newer", VALUE]);
    expect(databases[0]!.count()).to.equal(1);
    expect(rig.store.rows().data).to.equal(rowsBefore);
    expect(await scrub()).to.equal(0);
  });

  it("is dropped where it rotted as well and was written anew meanwhile: nobody could ever give it", async () => {
    rotPlace("index", 15);
    rot("somewhere");
    expect((await rig.until(rig.store.coordinate(writeOf("cart", "newer")).durable)).ok).to.equal(true);
    expect(await scrub()).to.be.greaterThan(0);
    expect(await siblings()).to.deep.equal(["newer"]);
    expect(databases[0]!.count()).to.equal(1);
    expect(await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 10 }))).to.deep.include({
      rowsChecked: 1,
      corrupt: [],
      leavesWrong: [],
    });
  });

  it("is asked for under its own place, and lies there, where it rotted as well", async () => {
    rotPlace("index", 15);
    rot("somewhere");
    const verified = await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 10 }));
    if (verified.status !== "read") throw new Error(verified.message);
    expect(verified.corrupt).to.deep.equal([keyNamed("cart").position]);
    expect((await rig.until(rig.store.rebuildLeaves(verified.leavesWrong))).ok).to.equal(true);
    expect(await statusOfRead()).to.equal("corrupt");
    expect(await scrub()).to.equal(0);
  });

  it("is not taken for another key's, whose name it bears since a bit of it rotted", async () => {
    expect((await rig.until(rig.store.coordinate(writeOf("caru", VALUE)).durable)).ok).to.equal(true);
    closeAll();
    rot("\u0004cart", { offset: 4 });
    reopen();
    expect(await scrub()).to.equal(0);
    expect(await statusOfRead()).to.equal("corrupt");
    expect(databases[0]!.count()).to.equal(2);
  });

  it("is merged also for who had read what was written in its place, and remembers it", async () => {
    rotPlace("index", 0);
    const cache = new RecordCache(rig.store, 1 << 20);
    expect((await rig.until(cache.coordinate(writeOf("cart", "newer")).durable)).ok).to.equal(true);
    expect(await siblings(cache)).to.deep.equal(["newer"]);
    expect(await scrub()).to.be.greaterThan(0);
    expect(await siblings(cache)).to.have.members(["newer", VALUE]);
  });

  it("is merged also where a write of another key found the index damaged", async () => {
    rotPlace("index", 0);
    const cache = new RecordCache(rig.store, 1 << 20);
    expect((await rig.until(cache.coordinate(writeOf("cart", "newer")).durable)).ok).to.equal(true);
    expect(await siblings(cache)).to.deep.equal(["newer"]);
    const rebuild = databases[0]!.rebuildIndexes.bind(databases[0]!);
    const write = databases[0]!.write.bind(databases[0]!);
    databases[0]!.write = (row) => {
      rebuild();
      write(row);
    };
    expect((await rig.until(cache.coordinate(writeOf("other", "x")).durable)).ok).to.equal(true);
    expect(await siblings(cache)).to.have.members(["newer", VALUE]);
  });

  it("is written under its own place where the row's rotted and the indexes are made anew", async () => {
    const before = await rig.until(rig.store.partitionRoots(256));
    rotPlace("row", 15);
    databases[0]!.begin();
    databases[0]!.rebuildIndexes();
    databases[0]!.commit();
    expect(await statusOfRead()).to.equal("not_found");
    expect(await scrub()).to.be.greaterThan(0);
    expect(await statusOfRead()).to.equal("found");
    expect(await rig.until(rig.store.partitionRoots(256))).to.deep.equal(before);
  });

  it("is said and counted where the indexes are made anew", async () => {
    rotPlace("index", 0);
    await scrub();
    const rebuilt = rig.events.filter(({ kind }) => kind === "indexes_rebuilt");
    expect(rebuilt).to.deep.equal([{ kind: "indexes_rebuilt", database: "data", rowsDisplaced: 0 }]);
  });

  it("says what to do where the file itself is damaged", () => {
    closeAll();
    const file = openSync(path, "r+");
    writeSync(file, Buffer.alloc(8_192, 0xff), 0, 8_192, 0);
    closeSync(file);
    expect(() => new SqliteDatabase({ path, role: "write", cacheBytes })).to.throw(
      /data\.db: .*\(SQLITE_(?:NOTADB|CORRUPT)\)\. The file itself is damaged: stop this node, delete the file with/,
    );
  });
});
