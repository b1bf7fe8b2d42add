import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "chai";
import { SqliteDatabase } from "../../../../node/adapters/sqlite-database.ts";
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
    databases = (["write", "read"] as const).map((role) => new SqliteDatabase({ path, role, cacheBytes }));
    rig = new StoreRig({ data: databases[0]!, readerData: databases[1]! });
    const written = rig.store.coordinate(writeOf("cart", VALUE));
    const [merged] = await rig.until(Promise.all([written.merged, written.durable]));
    if (!merged.ok) throw new Error(merged.message);
    record = merged.record.slice();
    flipOneBit();
  });
  afterEach(() => {
    for (const database of databases) database.close();
    rmSync(directory, { recursive: true });
  });

  function flipOneBit(): void {
    const checkpointer = new Sqlite(path);
    checkpointer.pragma("wal_checkpoint(PASSIVE)");
    checkpointer.close();
    const bytes = readFileSync(path);
    const at = bytes.indexOf("somewhere");
    const file = openSync(path, "r+");
    writeSync(file, Uint8Array.of(bytes[at]! ^ 1), 0, 1, at);
    closeSync(file);
  }

  async function statusOfRead(): Promise<string> {
    return (await rig.until(rig.store.read({ ...keyNamed("cart"), want: "record" }))).status;
  }

  async function store(how: { rewrite?: true }): Promise<boolean> {
    const { position } = keyNamed("cart");
    return (await rig.until(rig.store.store({ position, record, keptFor: [], ...how }))).ok;
  }

  it("stays rotten where its record only arrives again: the writer has it already", async () => {
    expect(await statusOfRead()).to.equal("corrupt");
    expect(await store({})).to.equal(true);
    expect(await statusOfRead()).to.equal("corrupt");
  });

  it("is sound again where it is written anew, and the tree is as it was", async () => {
    const before = await rig.until(rig.store.partitionRoots(8));
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

  it("says what to do where the file itself is damaged", () => {
    for (const database of databases.splice(0)) database.close();
    // Else the log has the pages that are about to be damaged.
    for (const end of ["-wal", "-shm"]) rmSync(path + end, { force: true });
    const file = openSync(path, "r+");
    writeSync(file, Buffer.alloc(8_192, 0xff), 0, 8_192, 0);
    closeSync(file);
    expect(() => new SqliteDatabase({ path, role: "write", cacheBytes })).to.throw(
      /data\.db: .*\(SQLITE_(?:NOTADB|CORRUPT)\)\. The file itself is damaged: stop this node, delete the file with/,
    );
  });
});
