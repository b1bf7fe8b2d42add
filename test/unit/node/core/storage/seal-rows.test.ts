import { expect } from "chai";
import { boundOf, leafOf } from "../../../../../node/core/merkle/leaf.ts";
import { LEAF_COUNT } from "../../../../../node/core/ports/merkle-store.ts";
import { DatabaseFailure } from "../../../../../node/core/ports/database.ts";
import type { SealedAnswer, WatchMark } from "../../../../../node/core/ports/seal-store.ts";
import { type SealedRow, sealedRecord } from "../../../../../node/core/seal/sealed-record.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { keyNamed, OWNER_A, OWNER_B, seenBytes, writeOf } from "./sample-writes.ts";
import { StoreRig } from "./store-rig.ts";

describe("sealing rows", () => {
  let data: MemoryDatabase;
  let hints: MemoryDatabase;
  let rig: StoreRig;

  beforeEach(() => {
    data = new MemoryDatabase();
    hints = new MemoryDatabase();
    rig = new StoreRig({ data, hints });
  });

  async function put(name: string, text: string, seen = false, more = {}): Promise<Uint8Array> {
    const before = data.read(keyNamed(name).position);
    const context = seen && before ? seenBytes(decodeRecord(before.record).coverage) : new Uint8Array(0);
    rig.store.coordinate(writeOf(name, text, { seen: context, tombstone: text === "", ...more }));
    await rig.run();
    return data.read(keyNamed(name).position)?.record ?? new Uint8Array(0);
  }

  /** A value and its deletion; the record with the value alone too. */
  async function deleted(name: string): Promise<{ row: SealedRow; value: Uint8Array; record: Uint8Array }> {
    const value = await put(name, "value");
    const record = await put(name, "", true);
    const row = { ...sealedRecord(decodeRecord(record))!, position: keyNamed(name).position };
    return { row, value, record };
  }

  async function keepHint(name: string, record: Uint8Array): Promise<void> {
    void rig.store.store({ position: keyNamed(name).position, record, keptFor: [OWNER_A] });
    await rig.run();
  }

  async function ask(rows: readonly SealedRow[], since?: WatchMark): Promise<readonly boolean[]> {
    return coveredOf(await rig.until(rig.store.askSealed({ rows, since })));
  }

  function coveredOf(answer: SealedAnswer): readonly boolean[] {
    if (answer.status === "failed") throw new Error(answer.message);
    return answer.covered;
  }

  async function markOf(rows: readonly SealedRow[]): Promise<WatchMark> {
    const answer = await rig.until(rig.store.askSealed({ rows, since: undefined }));
    if (answer.status === "failed") throw new Error(answer.message);
    return answer.mark;
  }

  it("leaves its room among the watched rows to others: more can be collected than are watched at once", async () => {
    const { row } = await deleted("a");
    const sealed = Array.from({ length: 65_536 }, (_, n) => {
      const position = new Uint8Array(16);
      new DataView(position.buffer).setUint32(0, n);
      return { ...row, position };
    });
    await markOf(sealed);
    expect(await ask([row], await markOf([row])), "all places are taken").to.deep.equal([false]);
    await rig.until(rig.store.seal(sealed.slice(0, 64)));
    expect(await ask([row], await markOf([row]))).to.deep.equal([true]);
  }).timeout(20_000);

  it("finds the rows that have something to forget, in steps", async () => {
    const { row } = await deleted("a");
    await put("live", "value");
    const { row: other } = await deleted("b");
    const all = { after: boundOf(0), before: boundOf(LEAF_COUNT) };
    const read = await rig.until(rig.store.sealableRows({ ...all, rowsMax: 100 }));
    if (read.status === "failed") throw new Error(read.message);
    expect(read.next).to.equal(undefined);
    expect(read.rows).to.deep.equal(
      [row, other].sort((one, two) => Buffer.compare(one.position, two.position)),
    );
    const step = await rig.until(rig.store.sealableRows({ ...all, rowsMax: 1 }));
    if (step.status === "failed") throw new Error(step.message);
    expect(step.next).to.not.equal(undefined);
  });

  it("covers what is gone, the tombstone itself and a marker that speaks of it", async () => {
    const { row } = await deleted("a");
    expect(await ask([row])).to.deep.equal([true]);
    void rig.store.mark({ position: row.position, owners: [OWNER_A] });
    await rig.run();
    expect(await ask([row])).to.deep.equal([true]);
    data.remove(row.position);
    expect(await ask([row])).to.deep.equal([true]);
  });

  it("does not cover a hint with the deleted value, nor one with a value of another key at the place", async () => {
    const { row, value, record } = await deleted("a");
    await keepHint("a", value);
    expect(await ask([row])).to.deep.equal([false]);
    await keepHint("a", record);
    expect(await ask([row])).to.deep.equal([true]);
    expect(await ask([{ ...row, key: new Uint8Array([1]) }])).to.deep.equal([false]);
  });

  it("does not cover a row that fails its check", async () => {
    const { row, record } = await deleted("a");
    const rotten = new Uint8Array(record);
    rotten[rotten.length >> 1]! ^= 4;
    data.plant({ ...data.read(row.position)!, record: rotten });
    expect(await ask([row])).to.deep.equal([false]);
  });

  it("does not cover, the second time, what was written in between, though it is gone again", async () => {
    const { row, value } = await deleted("a");
    const { row: other } = await deleted("b");
    const mark = await markOf([row, other]);
    expect(await ask([row, other], mark)).to.deep.equal([true, true]);
    await keepHint("a", value);
    hints.remove(row.position);
    expect(await ask([row, other], mark)).to.deep.equal([false, true]);
  });

  it("answers for a process that has watched, and for no other", async () => {
    const { row } = await deleted("a");
    const mark = await markOf([row]);
    rig = new StoreRig({ data, hints });
    expect(await ask([row], mark)).to.deep.equal([false]);
  });

  it("answers only once what it has seen is on stable storage", async () => {
    const { row, value, record } = await deleted("a");
    await keepHint("a", value);
    const merging = rig.store.store({ position: row.position, record, keptFor: [OWNER_A] });
    const asked = rig.store.askSealed({ rows: [row], since: undefined });
    hints.failNext = { at: "commit", failure: new DatabaseFailure("io_error", "bad sector") };
    await rig.run();
    expect((await merging).ok).to.equal(false);
    expect((await asked).status).to.equal("failed");
  });

  it("drops a tombstone with its leaf, its share of the counts, its hints and its marker", async () => {
    const { row, record } = await deleted("a");
    const { row: marked } = await deleted("b");
    await put("live", "value");
    await keepHint("a", record);
    void rig.store.mark({ position: marked.position, owners: [OWNER_A, OWNER_B] });
    await rig.run();
    expect(rig.store.rows()).to.include({ data: 3, hints: 2, markers: 1 });
    const sealing = await rig.until(rig.store.seal([row, marked]));
    expect(sealing).to.deep.equal({ status: "sealed", dropped: 4, pruned: 0 });
    expect(rig.store.rows()).to.include({ data: 1, hints: 0, markers: 0 });
    expect(rig.store.rows().hintsByOwner.size).to.equal(0);
    expect(rig.store.tombstones()).to.deep.equal({ count: 0, inDoubt: false });
    const leaf = await rig.until(rig.store.leafHashes({ first: leafOf(row.position), count: 1 }));
    expect(leaf.status === "read" && leaf.leaves).to.deep.equal([]);
    const verified = await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 100 }));
    expect(verified).to.deep.include({ leavesWrong: [] });
  });

  it("leaves a key alone that was written since, in either database", async () => {
    const { row, value } = await deleted("a");
    const { row: other } = await deleted("b");
    await put("a", "later", true);
    await keepHint("b", value);
    const hint = await rig.until(rig.store.seal([row, other]));
    expect(hint).to.deep.equal({ status: "sealed", dropped: 1, pruned: 0 });
    expect(data.read(row.position)).to.not.equal(undefined);
  });

  it("prunes a live row, which then forgets that its counter was its own", async () => {
    for (let n = 0; n < 40; n++) {
      rig = new StoreRig({ data, hints });
      await put("busy", `v${n}`, true);
    }
    const before = data.read(keyNamed("busy").position)!;
    const record = decodeRecord(before.record);
    const row = { ...sealedRecord(record)!, position: before.position };
    expect(await rig.until(rig.store.seal([row]))).to.deep.equal({ status: "sealed", dropped: 0, pruned: 1 });
    const after = data.read(before.position)!;
    expect(decodeRecord(after.record).coverage.vector.size).to.equal(1);
    expect(decodeRecord(after.record).siblings).to.deep.equal(record.siblings);
    expect(after.mine.length).to.equal(0);
    expect(await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 9 }))).to.deep.include({
      leavesWrong: [],
      corrupt: [],
    });
  });

  it("goes on while the disk is too full for writes, in as many commands as it takes", async () => {
    const rows: SealedRow[] = [];
    for (let n = 0; n < 70; n++) rows.push((await deleted(`k${n}`)).row);
    rig.store.refuseWrites({ ok: false, code: "read_only", message: "the disk is nearly full" });
    expect(await ask(rows)).to.deep.equal(rows.map(() => true));
    expect(await rig.until(rig.store.seal(rows))).to.include({ dropped: 70 });
    expect(rig.store.rows().data).to.equal(0);
  });
});
