import { expect } from "chai";
import fc from "fast-check";
import type { StoredRow } from "../../../../../node/core/ports/database.ts";
import { TreeWriter } from "../../../../../node/core/merkle/tree-writer.ts";
import { leafOf } from "../../../../../node/core/merkle/leaf.ts";
import { MemoryDatabase } from "../storage/memory-database.ts";
import { treeAsStored, treeOfRows } from "./tree-model.ts";

/** Eight positions in each of two leaves of one block, one leaf of the next and the last one of all. */
function positionOfNumber(n: number): Uint8Array {
  const position = new Uint8Array(16);
  position.set(
    [
      [0, 0, 0],
      [0, 0, 0x40],
      [1, 0, 0],
      [0xff, 0xff, 0xff],
    ][n % 4]!,
  );
  position[15] = n >> 2;
  return position;
}

function rowNumbered(n: number, digestFrom: number): StoredRow {
  const digest = new Uint8Array(16);
  new DataView(digest.buffer).setUint32(n % 12, digestFrom + 1);
  return {
    position: positionOfNumber(n),
    record: new Uint8Array(0),
    digest,
    mine: new Uint8Array(0),
    keptFor: [],
  };
}

type Change =
  | { readonly kind: "write"; readonly n: number; readonly digest: number }
  | { readonly kind: "remove"; readonly n: number };

interface Transaction {
  readonly changes: readonly Change[];
  readonly ends: "commit" | "rollback" | "commit_fails" | "power_fails" | "restart";
}

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("write" as const), n: fc.nat(31), digest: fc.nat(1_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), n: fc.nat(31) }) },
);

const transaction: fc.Arbitrary<Transaction> = fc.record({
  changes: fc.array(change, { maxLength: 12 }),
  ends: fc.oneof(
    { weight: 6, arbitrary: fc.constant("commit" as const) },
    { weight: 2, arbitrary: fc.constantFrom("rollback" as const, "commit_fails" as const) },
    { weight: 2, arbitrary: fc.constantFrom("power_fails" as const, "restart" as const) },
  ),
});

/** One database and the tree writers of the processes that follow each other on it. */
class Life {
  readonly database = new MemoryDatabase();
  readonly #changesPerFold: number;
  #writer: TreeWriter;

  constructor(changesPerFold: number) {
    this.#changesPerFold = changesPerFold;
    this.#writer = new TreeWriter(this.database, changesPerFold);
  }

  run({ changes, ends }: Transaction): void {
    this.database.begin();
    this.#writer.begin();
    for (const each of changes) this.#apply(each);
    this.#writer.flush();
    if (ends === "commit" || ends === "restart") this.database.commit();
    else this.database.rollback();
    if (ends === "rollback" || ends === "commit_fails") this.#writer.forget();
    else if (ends !== "commit") this.#writer = new TreeWriter(this.database, this.#changesPerFold);
  }

  #apply(each: Change): void {
    const before = this.database.read(positionOfNumber(each.n));
    if (each.kind === "remove") this.database.remove(positionOfNumber(each.n));
    else this.database.write(rowNumbered(each.n, each.digest));
    const after = this.database.read(positionOfNumber(each.n));
    if (before === undefined && after === undefined) return;
    this.#writer.replaced(positionOfNumber(each.n), before?.digest, after?.digest);
  }

  /** The same as the batches of the storage do it where a row did not pass its check. */
  replaceCorrupt(n: number, digest: number): void {
    this.database.begin();
    this.#writer.begin();
    this.#writer.doubt(leafOf(positionOfNumber(n)));
    this.#apply({ kind: "write", n, digest });
    this.#writer.flush();
    this.database.commit();
  }

  rebuild(...ns: number[]): void {
    this.database.begin();
    this.#writer.begin();
    for (const n of ns) this.#writer.rebuild(leafOf(positionOfNumber(n)));
    this.#writer.flush();
    this.database.commit();
  }
}

function expectSound({ database }: Life, partitions = 256): void {
  expect(treeAsStored(database, partitions)).to.deep.equal(treeOfRows(database, partitions));
}

describe("TreeWriter", () => {
  it("keeps every leaf and root what the rows make it, whatever becomes of the transactions", () => {
    fc.assert(
      fc.property(
        fc.array(transaction, { maxLength: 60 }),
        fc.constantFrom(1, 2, 3, 7, 128),
        fc.constantFrom(1, 16, 256, 1_024),
        (transactions, changesPerFold, partitions) => {
          const life = new Life(changesPerFold);
          for (const each of transactions) {
            life.run(each);
            expectSound(life, partitions);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("drops lists once all blocks have had their turn, also over restarts with another length of lists", () => {
    const life = new Life(1);
    for (let i = 0; i < 1_200; i++) {
      const n = (i * 7) % 32;
      life.run({ changes: [{ kind: "write", n, digest: i }], ends: i % 100 === 99 ? "restart" : "commit" });
    }
    expect(life.database.tree.changes(0).length).to.be.within(1, 257);
    expect(life.database.tree.heads().map(({ block }) => block)).to.deep.equal([0, 1, 255]);
    expectSound(life);
    const later = new TreeWriter(life.database, 5);
    for (let i = 0; i < 40; i++) {
      life.database.begin();
      later.begin();
      const row = rowNumbered(i % 32, 5_000 + i);
      later.replaced(row.position, life.database.read(row.position)?.digest, row.digest);
      life.database.write(row);
      later.flush();
      life.database.commit();
    }
    expectSound(life);
  });

  it("takes a transaction of more changes than all turns together have", () => {
    const life = new Life(2);
    const changes = Array.from(
      { length: 1_500 },
      (_, i) => ({ kind: "write", n: i % 32, digest: i }) as const,
    );
    life.run({ changes: changes.slice(0, 3), ends: "commit" });
    life.run({ changes, ends: "commit" });
    expect(life.database.tree.changes(0)).to.have.length(0);
    life.run({ changes: changes.slice(0, 1), ends: "restart" });
    life.run({ changes: changes.slice(5, 6), ends: "commit" });
    expectSound(life);
  });

  it("is the same for the same rows, however they came to be", () => {
    const row = fc.record({ n: fc.nat(31), digest: fc.nat(1_000) });
    const rows = fc.uniqueArray(row, { selector: ({ n }) => n, maxLength: 32 });
    const detour = fc.array(change, { maxLength: 30 });
    fc.assert(
      fc.property(rows, detour, fc.nat(1_000), (wanted, changes, shift) => {
        const [straight, winding] = [new Life(3), new Life(128)];
        const rotated = [...wanted.slice(shift % 7), ...wanted.slice(0, shift % 7)];
        const everything = Array.from({ length: 32 }, (_, n) => ({ kind: "remove", n }) as const);
        straight.run({ changes: wanted.map((each) => ({ kind: "write", ...each })), ends: "commit" });
        winding.run({ changes, ends: "restart" });
        winding.run({ changes: everything, ends: "commit" });
        for (const each of rotated) winding.run({ changes: [{ kind: "write", ...each }], ends: "commit" });
        expect(treeAsStored(winding.database, 256)).to.deep.equal(treeAsStored(straight.database, 256));
      }),
      { numRuns: 50 },
    );
  });

  it("shows a row whose value alone differs in exactly its leaf", () => {
    const [one, other] = [new Life(2), new Life(2)];
    const changes = Array.from({ length: 32 }, (_, n) => ({ kind: "write", n, digest: n }) as const);
    for (const life of [one, other]) life.run({ changes, ends: "commit" });
    other.run({ changes: [{ kind: "write", n: 2, digest: 999 }], ends: "commit" });
    const [ours, theirs] = [treeAsStored(one.database, 256), treeAsStored(other.database, 256)];
    const differing = [...ours.leaves].filter(([leaf, hash]) => theirs.leaves.get(leaf) !== hash);
    expect(differing.map(([leaf]) => leaf)).to.deep.equal([1_024]);
    expect(ours.roots.flatMap(({ root }, i) => (root === theirs.roots[i]!.root ? [] : [i]))).to.deep.equal([
      1,
    ]);
  });

  it("builds the tree of a database that has rows and no tree, within its first transaction", () => {
    const life = new Life(4);
    for (let n = 0; n < 20; n++) life.database.plant(rowNumbered(n, n));
    life.run({ changes: [{ kind: "write", n: 1, digest: 77 }], ends: "commit" });
    expectSound(life);
  });

  it("computes a leaf anew where the row before had a digest that was not the one in it", () => {
    for (const changesPerFold of [1, 128]) {
      const life = new Life(changesPerFold);
      for (let n = 0; n < 32; n++) life.run({ changes: [{ kind: "write", n, digest: n }], ends: "commit" });
      life.database.plant(rowNumbered(5, 31_337));
      expect(treeAsStored(life.database, 256)).to.not.deep.equal(treeOfRows(life.database, 256));
      life.replaceCorrupt(5, 5);
      expectSound(life);
    }
  });

  it("mends leaves from their rows, and blocks that say another sum than that of their leaves", () => {
    const life = new Life(1);
    for (let i = 0; i < 600; i++)
      life.run({ changes: [{ kind: "write", n: i % 32, digest: i }], ends: "commit" });
    life.database.plant(rowNumbered(40, 1));
    life.database.plant(rowNumbered(9, 12_345));
    const [head] = life.database.tree.heads();
    const block = life.database.tree.block(head!.block)!;
    life.database.begin();
    life.database.tree.writeBlock({ ...block, root: new Uint8Array(16).fill(1), keys: 3 });
    life.database.commit();
    life.rebuild(40, 9);
    expectSound(life);
    life.run({ changes: [{ kind: "write", n: 0, digest: 1 }], ends: "commit" });
    expectSound(life);
  });

  it("mends a block whose bytes are cut short or whose number is from the future", () => {
    const life = new Life(1);
    for (let i = 0; i < 300; i++)
      life.run({ changes: [{ kind: "write", n: i % 32, digest: i }], ends: "commit" });
    const { tree } = life.database;
    const block = tree.block(0)!;
    life.database.begin();
    tree.writeBlock({ ...block, leaves: block.leaves.slice(0, 7), through: 1_000_000 });
    life.database.commit();
    life.rebuild(0, 1);
    expectSound(life);
    life.run({ changes: [], ends: "restart" });
    expectSound(life);
    for (let i = 0; i < 300; i++)
      life.run({ changes: [{ kind: "write", n: i % 32, digest: 7 * i }], ends: "commit" });
    expectSound(life);
  });
});
