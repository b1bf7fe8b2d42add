import { noTombstones } from "../../../../../node/core/ports/tombstone-store.ts";
import { expect } from "chai";
import { StoreLife } from "../../../../../node/core/storage/store-life.ts";
import { emptyImage, MemoryDatabase } from "./memory-database.ts";
import { countingRandom } from "./sample-writes.ts";

const random = countingRandom();

describe("HintsLife", () => {
  let data: MemoryDatabase;
  let hints: MemoryDatabase;

  const open = (): StoreLife => new StoreLife(data, random, hints);

  function commitData(life: StoreLife): void {
    data.begin();
    life.advance(noTombstones);
    data.commit();
    life.committed();
  }

  function commitHints(life: StoreLife): void {
    hints.begin();
    life.hints.advance();
    hints.commit();
    life.hints.committed();
  }

  /** A node that has been told that nothing is lost, and has kept some hints. */
  function started(): StoreLife {
    const life = open();
    life.hints.accept();
    commitHints(life);
    commitHints(life);
    commitData(life);
    return life;
  }

  beforeEach(() => {
    data = new MemoryDatabase();
    hints = new MemoryDatabase();
  });

  it("finds nothing lost where hints.db is what it was, or further", () => {
    commitHints(started());
    expect(open().opened.hintsLost).to.equal(undefined);
    expect(open().opened.hintsLost).to.equal(undefined);
  });

  it("recognises a file that is gone, one of another node, and an older copy", () => {
    const life = started();
    const older = hints.snapshot();
    commitHints(life);
    commitData(life);
    hints.restore(emptyImage);
    expect(open().opened.hintsLost).to.equal("missing");
    hints.restore(older);
    expect(open().opened.hintsLost).to.equal("rolled_back");
    const other = new MemoryDatabase();
    new StoreLife(new MemoryDatabase(), random, other);
    hints = other;
    expect(open().opened.hintsLost).to.equal("replaced");
  });

  it("finds the loss again in every later process, however much is written, until it is accepted", () => {
    started();
    hints.restore(emptyImage);
    for (let n = 1; n <= 3; n++) {
      const life = open();
      expect(life.opened.hintsLost).not.to.equal(undefined);
      commitHints(life);
      commitHints(life);
      commitHints(life);
      commitData(life);
    }
    const life = open();
    life.hints.accept();
    commitData(life);
    expect(open().opened.hintsLost).to.equal(undefined);
  });

  it("takes no commit that failed for one that was there", () => {
    const life = started();
    hints.begin();
    life.hints.advance();
    hints.rollback();
    life.hints.failed();
    commitData(life);
    expect(open().opened.hintsLost).to.equal(undefined);
  });

  it("cannot tell a first start from a lost disk, and lets those say who know", () => {
    expect(open().opened.hintsLost).to.equal("missing");
    expect(open().opened.hintsLost, "also after a crash").to.equal("missing");
  });
});
