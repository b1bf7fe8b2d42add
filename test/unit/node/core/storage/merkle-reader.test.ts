import { keyNamed, writeOf } from "./sample-writes.ts";
import {
  LEAF_COUNT,
  type LeafRowsRead,
  type RowDigest,
} from "../../../../../node/core/ports/merkle-store.ts";
import { compareBytes } from "../../../../../node/core/version/record.ts";
import { DatabaseFailure } from "../../../../../node/core/ports/database.ts";
import { expect } from "chai";
import { leafOf } from "../../../../../node/core/merkle/leaf.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { StoreRig } from "./store-rig.ts";
import { treeOfRows } from "../merkle/tree-model.ts";

const NAMES = Array.from({ length: 60 }, (_, n) => `key-${n}`);
const positions = NAMES.map((name) => keyNamed(name).position).sort(compareBytes);
const leaves = positions.map(leafOf);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("the Merkle store", () => {
  let data: MemoryDatabase;
  let rig: StoreRig;

  beforeEach(async () => {
    data = new MemoryDatabase();
    rig = new StoreRig({ data });
    for (const name of NAMES) {
      rig.store.coordinate(writeOf(name, name));
      await rig.run();
    }
  });

  function readOf<R extends { status: string }>(read: R): Exclude<R, { status: "failed" }> {
    if (read.status === "failed") throw new Error("the read failed");
    return read as Exclude<R, { status: "failed" }>;
  }

  for (const partitions of [1, 64, 256, 1_024]) {
    it(`gives the root and the number of keys of each of ${partitions} partitions`, async () => {
      const read = readOf(await rig.until(rig.store.partitionRoots(partitions)));
      const roots = read.partitions.map(({ root, keys }) => ({ root: hex(root), keys }));
      expect(roots).to.deep.equal(treeOfRows(data, partitions).roots);
    });
  }

  it("gives the hashes of the leaves of a range, ascending, without the empty ones", async () => {
    const all = [...treeOfRows(data, 1).leaves];
    const first = leaves[10]!;
    const read = readOf(await rig.until(rig.store.leafHashes({ first, count: leaves[12]! - first })));
    expect(read.leaves.map(({ leaf, hash }) => [leaf, hex(hash)])).to.deep.equal(
      all.filter(([leaf]) => leaf >= first && leaf < leaves[12]!),
    );
    const end = readOf(await rig.until(rig.store.leafHashes({ first: LEAF_COUNT - 1_024, count: 1_024 })));
    expect(end.leaves.length).to.equal(all.filter(([leaf]) => leaf >= LEAF_COUNT - 1_024).length);
  });

  it("lists the rows of leaves page by page, each row once and no others", async () => {
    const wanted = [leaves[3]!, leaves[4]!, leaves[20]!, leaves[20]! + 1, leaves[59]!];
    const found: RowDigest[] = [];
    let after: Uint8Array | undefined;
    let pages = 0;
    do {
      const query = { leaves: wanted, after, rowsMax: 2 };
      const page: LeafRowsRead = await rig.until(rig.store.rowsOfLeaves(query));
      const read = readOf(page);
      expect(read.rows.length).to.be.within(1, 2);
      found.push(...read.rows);
      after = read.next;
      pages += 1;
    } while (after !== undefined);
    expect(pages).to.equal(2);
    expect(found.map(({ position }) => hex(position))).to.deep.equal(
      [3, 4, 20, 59].map((i) => hex(positions[i]!)),
    );
    for (const { position, digest } of found) expect(hex(digest)).to.equal(hex(data.read(position)!.digest));
  });

  it("gives records in the order asked for, up to the bytes allowed but at least one", async () => {
    const asked = [7, 2, 30].map((i) => positions[i]!);
    const all = readOf(await rig.until(rig.store.recordsAt({ positions: asked, bytesMax: 1 << 20 })));
    expect(all.positionsRead).to.equal(3);
    expect(all.rows.map(({ position }) => hex(position))).to.deep.equal(asked.map(hex));
    expect(hex(all.rows[1]!.record)).to.equal(hex(data.read(asked[1]!)!.record));
    const one = readOf(await rig.until(rig.store.recordsAt({ positions: asked, bytesMax: 1 })));
    expect([one.positionsRead, one.rows.length]).to.deep.equal([1, 1]);
  });

  it("leaves absent and corrupt rows out of the records, names the corrupt ones, and reports them", async () => {
    const absent = new Uint8Array(16);
    const rotten = data.read(positions[5]!)!;
    data.plant({ ...rotten, record: rotten.record.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) });
    const asked = [absent, positions[5]!, positions[6]!];
    const read = readOf(await rig.until(rig.store.recordsAt({ positions: asked, bytesMax: 1 })));
    expect(read.positionsRead).to.equal(3);
    expect(read.rows.map(({ position }) => hex(position))).to.deep.equal([hex(positions[6]!)]);
    expect(read.corrupt.map(hex)).to.deep.equal([hex(positions[5]!)]);
    expect(rig.events.filter(({ kind }) => kind === "row_corrupt")).to.deep.equal([
      { kind: "row_corrupt", database: "data" },
    ]);
  });

  it("says why where the disk fails", async () => {
    data.failNext = { at: "read", failure: new DatabaseFailure("io_error", "bad sector") };
    const read = await rig.until(rig.store.recordsAt({ positions: [positions[0]!], bytesMax: 1 }));
    expect(read).to.deep.equal({ status: "failed", message: "bad sector" });
    const next = await rig.until(rig.store.recordsAt({ positions: [positions[0]!], bytesMax: 1 }));
    expect(next.status).to.equal("read");
  });

  it("answers everything as failed once the storage threads are gone", async () => {
    const asked = [rig.store.partitionRoots(256), rig.store.verifyRows({ after: undefined, rowsMax: 1 })];
    rig.store.fail("the writer died");
    for (const read of await Promise.all(asked)) {
      expect(read).to.deep.equal({ status: "failed", message: "the writer died" });
    }
  });
});
