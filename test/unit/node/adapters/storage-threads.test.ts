import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { keyNamed, OWNER_A, OWNER_B, seenDots, writeOf } from "../core/storage/sample-writes.ts";
import {
  type Storage,
  type StorageOptions,
  startStorage,
} from "../../../../node/adapters/storage-threads.ts";
import type { CoreEvent } from "../../../../node/core/ports/observer.ts";
import { DatabaseFailure } from "../../../../node/core/ports/database.ts";
import { decodeRecord } from "../../../../node/core/version/record-codec.ts";
import { expect } from "chai";
import { join } from "node:path";
import { nodeTimers } from "../../../../node/adapters/node-timers.ts";
import Sqlite from "better-sqlite3";
import { tmpdir } from "node:os";
import { wallClock } from "../../../../node/adapters/wall-clock.ts";

const MEBIBYTE = 1024 * 1024;

describe("startStorage", () => {
  let dataDir: string;
  let events: CoreEvent[];
  let open: Storage[];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "dynamokv-storage-"));
    events = [];
    open = [];
  });

  afterEach(async () => {
    for (const storage of open) await storage.close();
    rmSync(dataDir, { recursive: true });
  });

  async function start(more: Partial<StorageOptions> = {}): Promise<Storage> {
    const storage = await startStorage({
      dataDir,
      limits: { siblingsMax: 100, recordBytesMax: 16 * MEBIBYTE, hintBytesMax: 64 * MEBIBYTE },
      clock: wallClock,
      timers: nodeTimers,
      observer: { event: (event) => void events.push(event) },
      onFatal: (error) => {
        throw error;
      },
      ballastBytes: MEBIBYTE,
      freeBytesMin: 0,
      ...more,
    });
    open.push(storage);
    return storage;
  }

  async function stop(storage: Storage): Promise<void> {
    open.splice(open.indexOf(storage), 1);
    await storage.close();
  }

  async function put(storage: Storage, name: string, text: string, more = {}) {
    const { merged, durable } = storage.store.coordinate(writeOf(name, text, more));
    const [record, stored] = [await merged, await durable];
    if (!record.ok) throw new Error(record.message);
    if (!stored.ok) throw new Error(stored.message);
    return record;
  }

  function bytesIn(directory: string): number {
    return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  }

  async function valuesOf(storage: Storage, name: string): Promise<string[] | string> {
    const read = await storage.store.read({ ...keyNamed(name), want: "record" });
    if (read.status !== "found") return read.status;
    return decodeRecord(read.record!).siblings.map(({ value }) => new TextDecoder().decode(value));
  }

  it("serves what it acknowledged, also after a restart, and then counts under a new actor", async () => {
    const storage = await start();
    const first = await put(storage, "cart", "a");
    expect(await valuesOf(storage, "cart")).to.deep.equal(["a"]);
    expect(await valuesOf(storage, "none")).to.equal("not_found");
    await stop(storage);
    const again = await start();
    expect(await valuesOf(again, "cart")).to.deep.equal(["a"]);
    const second = await put(again, "cart", "b", { seen: seenDots(first.dot) });
    expect(second.dot.actor.slice(0, 16)).to.not.equal(first.dot.actor.slice(0, 16));
    expect(await valuesOf(again, "cart")).to.deep.equal(["b"]);
    expect(again.stats()).to.include({ dataRows: 1, hintRows: 0 });
  });

  it("commits concurrent writes in groups, loses none, and counts them", async () => {
    const storage = await start();
    const names = Array.from({ length: 2_000 }, (_, i) => `key-${i}`);
    await Promise.all(names.map((name) => put(storage, name, name)));
    const batches = events.filter(({ kind }) => kind === "batch_committed");
    expect(batches.length).to.be.lessThan(200);
    const values = await Promise.all(names.map((name) => valuesOf(storage, name)));
    expect(values).to.deep.equal(names.map((name) => [name]));
    expect(storage.stats().dataRows).to.equal(2_000);
  });

  it("counts the tombstones of its own data, also after a restart and where an earlier build wrote last", async () => {
    const storage = await start();
    const { dot } = await put(storage, "a", "value");
    await put(storage, "a", "", { tombstone: true, seen: seenDots(dot) });
    await put(storage, "b", "", { tombstone: true });
    await put(storage, "c", "value");
    await put(storage, "d", "", { tombstone: true, keptFor: [OWNER_A] });
    const counted = { count: 2, inDoubt: false };
    expect(storage.stats().tombstones).to.deep.equal(counted);
    await stop(storage);
    const file = new Sqlite(join(dataDir, "data.db"));
    const identity = "FROM merkle_changes WHERE seq = 9007199254740991";
    const told = String(file.prepare(`SELECT changes ${identity}`).pluck().get());
    const again = await start();
    expect(again.stats().tombstones).to.deep.equal(counted);
    await stop(again);
    const { tombstones, ...before } = JSON.parse(told) as Record<string, unknown>;
    expect(tombstones).to.deep.equal(counted);
    file
      .prepare("UPDATE merkle_changes SET changes = ? WHERE seq = 9007199254740991")
      .run(Buffer.from(JSON.stringify(before)));
    file.close();
    const third = await start();
    expect(third.stats().tombstones).to.deep.equal({ count: 0, inDoubt: true });
    expect((await third.store.countTombstones()).ok).to.equal(true);
    expect(third.stats().tombstones).to.deep.equal(counted);
  });

  it("keeps what it holds for others apart, and still serves it", async () => {
    const storage = await start();
    await put(storage, "cart", "a", { keptFor: [OWNER_A] });
    const read = await storage.store.read({ ...keyNamed("cart"), want: "digest" });
    expect(read).to.include({ status: "found", record: undefined });
    expect(read).to.deep.include({ keptFor: [OWNER_A] });
    expect(storage.stats()).to.include({ dataRows: 0, hintRows: 1 });
  });

  it("lists what it keeps for an owner, forgets it when told, and counts both, also after a restart", async () => {
    const storage = await start();
    for (const name of ["x", "y", "z"]) await put(storage, name, "a", { keptFor: [OWNER_A] });
    await put(storage, "y", "b", { keptFor: [OWNER_B] });
    await stop(storage);
    const again = await start();
    const counts = (): unknown => [again.stats().hintRows, Object.fromEntries(again.stats().hintsByOwner)];
    expect(counts()).to.deep.equal([3, { [OWNER_A]: 3, [OWNER_B]: 1 }]);
    const limits = { rows: 2, bytes: 1_000_000 };
    let after: Uint8Array | undefined;
    do {
      const batch = await again.store.hintsFor({ owner: OWNER_A, after, limits });
      if (batch.status === "failed") throw new Error(batch.message);
      for (const { position, digest } of batch.hints) {
        expect(await again.store.forgetHint({ position, digest, owner: OWNER_A })).to.include({
          ok: true,
        });
      }
      after = batch.next;
    } while (after !== undefined);
    expect(counts()).to.deep.equal([1, { [OWNER_B]: 1 }]);
    expect(await valuesOf(again, "x")).to.equal("not_found");
    expect(await valuesOf(again, "y")).to.have.members(["a", "b"]);
    await stop(again);
    const third = await start();
    expect(Object.fromEntries(third.stats().hintsByOwner)).to.deep.equal({ [OWNER_B]: 1 });
  });

  it("never repeats a dot when an old copy of the database is put back", async () => {
    const storage = await start();
    const kept = await put(storage, "cart", "a");
    await stop(storage);
    const copy = mkdtempSync(join(tmpdir(), "dynamokv-copy-"));
    cpSync(dataDir, copy, { recursive: true });
    const second = await start();
    const lost = await put(second, "cart", "b");
    await stop(second);
    rmSync(dataDir, { recursive: true });
    cpSync(copy, dataDir, { recursive: true });
    rmSync(copy, { recursive: true });
    const third = await start();
    const after = await put(third, "cart", "c");
    expect(await valuesOf(third, "cart")).to.have.members(["a", "c"]);
    expect(new Set([kept, lost, after].map(({ dot }) => `${dot.actor}:${dot.n}`)).size).to.equal(3);
  });

  it("never serves a row with a flipped bit, reports it, and heals it with the next copy", async () => {
    const storage = await start();
    const { record } = await put(storage, "cart", "precious");
    const sound = record.slice();
    const raw = new Sqlite(join(dataDir, "data.db"));
    const flipped = sound.slice();
    flipped[flipped.length - 2]! ^= 16;
    raw.prepare("UPDATE record SET record = ? WHERE position = ?").run(flipped, keyNamed("cart").position);
    raw.close();
    expect(await valuesOf(storage, "cart")).to.equal("corrupt");
    expect(events).to.deep.include({ kind: "row_corrupt", database: "data" });
    expect(await storage.store.store({ ...keyNamed("cart"), record: sound, keptFor: [] })).to.include({
      ok: true,
    });
    expect(await valuesOf(storage, "cart")).to.deep.equal(["precious"]);
  });

  it("keeps the logs bounded under a steady load of writes and reads", async function () {
    this.timeout(60_000);
    const pagesMin = 500;
    const storage = await start({ checkpointPagesMin: pagesMin });
    const value = new Uint8Array(2_000).fill(7);
    let largest = 0;
    const worker = async (first: number): Promise<void> => {
      for (let i = 0; i < 250; i++) {
        await put(storage, `key-${first}-${i}`, "", { value });
        await storage.store.read({ ...keyNamed(`key-${first}-${i >> 1}`), want: "record" });
      }
    };
    const watch = setInterval(() => (largest = Math.max(largest, storage.stats().dataLogBytes)), 50);
    await Promise.all(Array.from({ length: 32 }, (_, first) => worker(first * 1_000)));
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    clearInterval(watch);
    const { dataLogBytes, dataBytes } = storage.stats();
    expect(dataBytes, "most of it was checkpointed").to.be.greaterThan(16 * MEBIBYTE);
    expect(Math.max(largest, dataLogBytes)).to.be.lessThan(30 * MEBIBYTE);
  });

  it("turns read-only on a full disk with a message that says what to do, and serves reads", async () => {
    const modes: string[] = [];
    const storage = await start({ fileBytesMax: MEBIBYTE, onMode: (mode) => modes.push(mode) });
    await put(storage, "cart", "a");
    const big = storage.store.coordinate(writeOf("big", "", { value: new Uint8Array(2 * MEBIBYTE) }));
    const failed = await big.durable;
    expect(failed).to.include({ ok: false, code: "read_only" });
    expect(failed).to.have.property("message").that.includes("Free space");
    expect([storage.mode(), ...modes]).to.deep.equal(["read_only", "read_only"]);
    expect(await storage.store.coordinate(writeOf("next", "x")).durable).to.include({ code: "read_only" });
    expect(await valuesOf(storage, "cart")).to.deep.equal(["a"]);
  });

  it("takes writes again once the hints that filled the disk are delivered", async () => {
    const volumeBytes = 24 * MEBIBYTE;
    const measureFreeBytes = async (): Promise<number> => volumeBytes - bytesIn(dataDir);
    const room = { freeBytesMin: 8 * MEBIBYTE, checkpointPagesMin: 256, measureFreeBytes };
    const storage = await start(room);
    await put(storage, "own", "a");
    const value = new Uint8Array(64 * 1024);
    for (let i = 0; storage.mode() === "read_write"; i++) {
      await storage.store.coordinate(writeOf(`hint-${i}`, "", { value, keptFor: [OWNER_A] })).durable;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(storage.stats().hintRows).to.be.greaterThan(50);
    expect(await storage.store.coordinate(writeOf("own", "b")).durable).to.include({ code: "read_only" });
    let after: Uint8Array | undefined;
    do {
      const batch = await storage.store.hintsFor({
        owner: OWNER_A,
        after,
        limits: { rows: 64, bytes: MEBIBYTE },
      });
      if (batch.status === "failed") throw new Error(batch.message);
      for (const { position, digest } of batch.hints) {
        expect(await storage.store.forgetHint({ position, digest, owner: OWNER_A })).to.include({ ok: true });
      }
      after = batch.next;
    } while (after !== undefined);
    expect(storage.stats().hintRows).to.equal(0);
    const untilMs = Date.now() + 10_000;
    while (storage.mode() === "read_only" && Date.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect(storage.mode()).to.equal("read_write");
    await put(storage, "own", "c");
  });

  it("refuses a second storage on one directory, and the first goes on", async () => {
    const storage = await start();
    const refused = await start().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).to.be.instanceOf(DatabaseFailure);
    expect(String(refused)).to.include("another process uses this data directory");
    await put(storage, "cart", "a");
  });

  it("answers what anti-entropy asks from what is committed, and rebuilds leaves when told", async () => {
    let storage = await start();
    for (let i = 0; i < 40; i++) await put(storage, `key-${i}`, "value");
    await stop(storage);
    const raw = new Sqlite(join(dataDir, "data.db"));
    raw.exec("DELETE FROM record WHERE id <= 3");
    raw.close();
    storage = await start();
    const { store } = storage;
    const pass = async () => {
      const read = await store.verifyRows({ after: undefined, rowsMax: 1_000 });
      if (read.status === "failed") throw new Error(read.message);
      return read;
    };
    const found = await pass();
    expect([found.rowsChecked, found.leavesWrong.length]).to.deep.equal([37, 3]);
    expect(await store.rebuildLeaves(found.leavesWrong)).to.have.property("ok", true);
    expect((await pass()).leavesWrong).to.deep.equal([]);
    const roots = await store.partitionRoots(256);
    if (roots.status === "failed") throw new Error(roots.message);
    expect(roots.partitions.reduce((sum, { keys }) => sum + keys, 0)).to.equal(37);
    const [leaf] = found.leavesWrong;
    const hashes = await store.leafHashes({ first: leaf!, count: 1 });
    expect(hashes).to.deep.equal({ status: "read", leaves: [], rootsWrong: [] });
  });

  it("refuses a database of a newer schema and lets go of the directory", async () => {
    await stop(await start());
    const raw = new Sqlite(join(dataDir, "hints.db"));
    raw.pragma("user_version = 7");
    raw.close();
    const refused = await start().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refused).to.be.instanceOf(DatabaseFailure).with.property("code", "schema_newer");
    const repair = new Sqlite(join(dataDir, "hints.db"));
    repair.pragma("user_version = 1");
    repair.close();
    await put(await start(), "cart", "a");
  });

  it("is loud when a storage thread dies, and answers what was asked of it", async () => {
    let died!: (error: Error) => void;
    const death = new Promise<Error>((resolve) => (died = resolve));
    const storage = await start({ onFatal: died });
    // Not a position: the writer does not understand it, which no coordinator can cause.
    const broken = storage.store.store({
      position: new Uint8Array(3),
      record: new Uint8Array(0),
      keptFor: [],
    });
    expect((await death).message).to.match(/storage thread writer crashed/);
    expect(await broken).to.include({ ok: false, code: "storage_lost" });
    expect(await storage.store.coordinate(writeOf("cart", "a")).durable).to.include({
      code: "storage_failed",
    });
  });
});
