import { expect } from "chai";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { leafOf } from "../../../../../node/core/merkle/leaf.ts";
import type { StoredRow } from "../../../../../node/core/ports/database.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { keyNamed, OWNER_A, writeOf } from "./sample-writes.ts";
import { StoreRig } from "./store-rig.ts";

describe("dropping rows", () => {
  let data: MemoryDatabase;
  let hints: MemoryDatabase;
  let rig: StoreRig;

  beforeEach(() => {
    data = new MemoryDatabase();
    hints = new MemoryDatabase();
    rig = new StoreRig({ data, hints });
  });

  async function put(name: string, text = "value", tombstone = false): Promise<StoredRow> {
    rig.store.coordinate(writeOf(name, text, { tombstone }));
    await rig.run();
    return rowOf(name)!;
  }

  function rowOf(name: string): StoredRow | undefined {
    return data.read(keyNamed(name).position);
  }

  async function leafHash(name: string) {
    const read = await rig.until(rig.store.leafHashes({ first: leafOf(keyNamed(name).position), count: 1 }));
    return read.status === "read" ? read.leaves : read.status;
  }

  it("takes a row and its part of the leaf, of the number of rows and of the tombstones", async () => {
    const dead = await put("dead", "", true);
    const live = await put("live");
    await put("stays", "", true);
    expect((await rig.until(rig.store.dropRows([dead, live]))).ok).to.equal(true);
    expect([rowOf("dead"), rowOf("live")]).to.deep.equal([undefined, undefined]);
    expect(await leafHash("dead")).to.deep.equal([]);
    expect(await leafHash("live")).to.deep.equal([]);
    expect(await leafHash("stays")).to.have.length(1);
    expect(rig.store.rows().data).to.equal(1);
    expect(rig.store.tombstones()).to.deep.equal({ count: 1, inDoubt: false });
    const roots = await rig.until(rig.store.partitionRoots(8));
    const keys = roots.status === "read" ? roots.partitions.map((partition) => partition.keys) : [];
    expect(keys.reduce((sum, each) => sum + each, 0)).to.equal(1);
    const verified = await rig.until(rig.store.verifyRows({ after: undefined, rowsMax: 100 }));
    expect(verified).to.include({ status: "read", rowsChecked: 1 }).and.to.deep.include({ leavesWrong: [] });
  });

  it("leaves a row alone that was written since it was looked at", async () => {
    const before = await put("cart", "v1");
    const after = await put("cart", "v2");
    await rig.until(rig.store.dropRows([before]));
    expect(rowOf("cart")).to.deep.equal(after);
    expect(await leafHash("cart")).to.deep.equal([
      { leaf: leafOf(after.position), hash: new Uint8Array(after.digest) },
    ]);
  });

  it("does not take what is stored after it, be it the same record", async () => {
    const { position, record, digest } = await put("cart");
    const dropped = rig.store.dropRows([{ position, digest }]);
    const kept = rig.store.store({ position, record, keptFor: [] });
    expect((await rig.until(Promise.all([dropped, kept]))).every(({ ok }) => ok)).to.equal(true);
    expect(rowOf("cart")!.record).to.deep.equal(record);
  });

  it("takes the marker that speaks of the row, but no copy that is kept for another", async () => {
    const cart = await put("cart");
    void rig.store.mark({ position: cart.position, owners: [OWNER_A] });
    const order = await put("order");
    rig.store.coordinate(writeOf("order", "kept", { keptFor: [OWNER_A] }));
    await rig.run();
    expect(rig.store.rows()).to.include({ hints: 2, markers: 1 });
    await rig.until(rig.store.dropRows([cart, order]));
    expect(rig.store.rows()).to.include({ data: 0, hints: 1, markers: 0 });
    expect(hints.read(order.position)?.keptFor).to.deep.equal([OWNER_A]);
  });

  it("takes a rotten row too, and lets its leaf and the tombstones be computed anew", async () => {
    const cart = await put("cart", "", true);
    const record = new Uint8Array(cart.record);
    record[record.length >> 1]! ^= 4;
    data.plant({ ...cart, record });
    await rig.until(rig.store.dropRows([cart]));
    expect(rowOf("cart")).to.equal(undefined);
    expect(await leafHash("cart")).to.deep.equal([]);
    expect(rig.store.tombstones().inDoubt).to.equal(true);
  });

  it("takes a rotten row that nobody could read, but not one that only the readers could not", async () => {
    const cart = await put("cart");
    const order = await put("order", "", true);
    const record = new Uint8Array(cart.record);
    record[record.length >> 1]! ^= 4;
    data.plant({ ...cart, record });
    await rig.until(rig.store.dropRows([cart, order].map((row) => ({ ...row, isUnread: true }))));
    expect(rowOf("cart")).to.equal(undefined);
    expect(rowOf("order")).to.deep.equal(order);
    expect(await leafHash("order")).to.have.length(1);
    expect(rig.store.rows().data).to.equal(1);
    expect(rig.store.tombstones().count).to.equal(1);
  });

  it("makes room while the disk is too full for writes", async () => {
    const cart = await put("cart");
    rig.store.refuseWrites({ ok: false, code: "read_only", message: "the disk is nearly full" });
    expect((await rig.until(rig.store.dropRows([cart]))).ok).to.equal(true);
    expect(rowOf("cart")).to.equal(undefined);
  });

  it("keeps all where the transaction fails", async () => {
    const cart = await put("cart");
    const dropped = rig.store.dropRows([{ position: cart.position, digest: cart.digest }]);
    await rig.run("applied");
    data.crash();
    void dropped;
    expect(rowOf("cart")?.digest).to.deep.equal(md5Digester.md5(cart.record));
  });
});
