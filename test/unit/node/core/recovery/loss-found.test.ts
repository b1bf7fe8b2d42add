import { noTombstones } from "../../../../../node/core/ports/tombstone-store.ts";
import { expect } from "chai";
import fc from "fast-check";
import { Acknowledgements } from "../../../../../node/core/recovery/acknowledgements.ts";
import { afterLoss, lossToldBy } from "../../../../../node/core/recovery/loss.ts";
import { drawId } from "../../../../../node/core/storage/draw-id.ts";
import { StoreLife } from "../../../../../node/core/storage/store-life.ts";
import { nodeId } from "../ring/made-ring.ts";
import { emptyImage, MemoryDatabase, type MemoryImage } from "../storage/memory-database.ts";
import { countingRandom } from "../storage/sample-writes.ts";

/**
 * A node over a real store life, with one peer that remembers its acknowledgements and tells them at each start: any
 * schedule of commits (heard of or not), crashes in and between commits, copies put aside and put back.
 */
const NODE = nodeId(1);

type Action =
  "commit, heard" | "commit, not heard" | "crash" | "crash in a commit" | "copy" | "restore" | "lose";

class Schedule {
  readonly #database = new MemoryDatabase();
  readonly #memory = new Acknowledgements();
  readonly #random = countingRandom();
  /** Commits that the peer heard of. */
  #heard = 0;
  #copy: { image: MemoryImage; heard: number } = { image: emptyImage, heard: 0 };
  readonly #hints = new MemoryDatabase();
  #life = new StoreLife(this.#database, this.#random, this.#hints);

  run(action: Action): void {
    switch (action) {
      case "commit, heard":
      case "commit, not heard":
        this.#commit();
        if (action === "commit, not heard") return;
        this.#heard += 1;
        return this.#memory.acknowledged(NODE, this.#life.point);
      case "crash":
        return this.#restart("same disk");
      case "crash in a commit":
        this.#database.begin();
        this.#life.advance(noTombstones);
        this.#database.crash();
        return this.#restart("same disk");
      case "copy":
        this.#copy = { image: this.#database.snapshot(), heard: this.#heard };
        return;
      case "restore":
      case "lose": {
        const { image, heard } = action === "lose" ? { image: emptyImage, heard: 0 } : this.#copy;
        this.#database.restore(image);
        return this.#restart(heard < this.#heard ? "lost what was heard of" : "other disk");
      }
    }
  }

  #commit(): void {
    this.#database.begin();
    this.#life.advance(noTombstones);
    this.#database.commit();
    this.#life.committed();
  }

  /**
   * The next process, and what its peer tells it. Where it has lost something it gets all back, and is whole. A disk that
   * was exchanged and lacks nothing that was heard of may be noticed, and need not be.
   */
  #restart(disk: "same disk" | "other disk" | "lost what was heard of"): void {
    this.#life = new StoreLife(this.#database, this.#random, this.#hints);
    const { opened } = this.#life;
    const told = this.#memory.pointsOf(NODE);
    const loss = lossToldBy(told, opened, opened);
    if (disk === "lost what was heard of") expect(loss, disk).not.to.equal(undefined);
    if (disk === "same disk") expect(loss, disk).to.equal(undefined);
    if (loss !== undefined) {
      this.#life.change({ ...afterLoss(opened, loss, () => drawId(this.#random)), recovering: false });
      this.#commit();
    }
    this.#memory.answered(NODE, told, this.#life.point);
  }
}

const actions: Action[] = [
  "commit, heard",
  "commit, not heard",
  "crash",
  "crash in a commit",
  "copy",
  "restore",
  "lose",
];

describe("a loss", () => {
  it("is found whenever a peer heard of more than is left, and made up by no crash", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...actions), { maxLength: 60 }), (schedule) => {
        const node = new Schedule();
        for (const action of schedule) node.run(action);
      }),
      { numRuns: 500 },
    );
  });
});
