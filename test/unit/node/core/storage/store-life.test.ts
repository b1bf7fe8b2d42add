import { noTombstones } from "../../../../../node/core/ports/tombstone-store.ts";
import { expect } from "chai";
import { DatabaseFailure } from "../../../../../node/core/ports/database.ts";
import { StoreLife } from "../../../../../node/core/storage/store-life.ts";
import { emptyImage, MemoryDatabase } from "./memory-database.ts";
import { countingRandom } from "./sample-writes.ts";

const random = countingRandom();

function commitOnce(database: MemoryDatabase, life: StoreLife): void {
  database.begin();
  life.advance(noTombstones);
  database.commit();
  life.committed();
}

describe("StoreLife", () => {
  let database: MemoryDatabase;
  let hints: MemoryDatabase;

  beforeEach(() => {
    database = new MemoryDatabase();
    hints = new MemoryDatabase();
  });

  it("gives a new file an identity at once, and finds it again", () => {
    const { opened } = new StoreLife(database, random, hints);
    expect(opened).to.deep.include({ isNew: true, sequence: 0, lostStores: [], recovering: false });
    const again = new StoreLife(database, random, hints).opened;
    expect(again).to.deep.equal({ ...opened, hintsLost: "missing", runId: again.runId });
    expect(again.runId).not.to.equal(opened.runId);
    database.restore(emptyImage);
    expect(new StoreLife(database, random, hints).opened.storeId).not.to.equal(opened.storeId);
  });

  it("says that a file is new until an identity was kept in it, whatever else was", () => {
    const life = new StoreLife(database, random, hints);
    commitOnce(database, life);
    expect(new StoreLife(database, random, hints).opened.isNew).to.equal(true);
    const { storeId, lostStores, recovering } = life.opened;
    life.change({ storeId, lostStores, recovering });
    commitOnce(database, life);
    commitOnce(database, life);
    expect(new StoreLife(database, random, hints).opened.isNew).to.equal(false);
  });

  it("counts commits, in the transaction that it counts", () => {
    const life = new StoreLife(database, random, hints);
    for (let n = 1; n <= 3; n++) {
      commitOnce(database, life);
      expect(life.point.sequence).to.equal(n);
      expect(new StoreLife(database, random, hints).opened.sequence).to.equal(n);
    }
  });

  it("does not count a commit that failed or was never made", () => {
    const life = new StoreLife(database, random, hints);
    commitOnce(database, life);
    const { point } = life;
    database.begin();
    life.advance(noTombstones);
    database.rollback();
    life.failed();
    expect(life.point).to.equal(point);
    commitOnce(database, life);
    expect(life.point.sequence).to.equal(2);
  });

  it("keeps another identity with the transaction that is open, or not at all", () => {
    const life = new StoreLife(database, random, hints);
    const identity = { storeId: "00000000000000ff", lostStores: ["a", "b"], recovering: true };
    life.change(identity);
    life.failed();
    commitOnce(database, life);
    expect(database.identity()).to.deep.include({ recovering: false, sequence: 1 });
    life.change(identity);
    commitOnce(database, life);
    expect(database.identity()).to.deep.include({ ...identity, sequence: 2 });
    expect(life.point).to.deep.include({ storeId: "00000000000000ff", sequence: 2 });
    commitOnce(database, life);
    expect(database.identity()).to.deep.include({ ...identity, sequence: 3 });
  });

  it("begins on a disk that is full, and is written with the first commit", () => {
    database.failNext = { at: "commit", failure: new DatabaseFailure("disk_full", "no space") };
    const life = new StoreLife(database, random, hints);
    expect(database.identity()).to.equal(undefined);
    commitOnce(database, life);
    expect(database.identity()).to.include({ storeId: life.opened.storeId, sequence: 1 });
  });
});
