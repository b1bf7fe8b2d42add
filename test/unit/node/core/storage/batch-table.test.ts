import { keyNamed, OWNER_A, writeOf } from "./sample-writes.ts";
import { DatabaseFailure } from "../../../../../node/core/ports/database.ts";
import { expect } from "chai";
import fc from "fast-check";
import { leafOf } from "../../../../../node/core/merkle/leaf.ts";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { compareBytes } from "../../../../../node/core/version/record.ts";
import { StoreRig } from "./store-rig.ts";
import { treeAsStored, treeOfRows } from "../merkle/tree-model.ts";

type Step =
  | { readonly kind: "put" | "put_for_another"; readonly key: number }
  | { readonly kind: "store"; readonly key: number; readonly from: number }
  | { readonly kind: "run"; readonly until: "applied" | "committed" | "answered" }
  | { readonly kind: "fail"; readonly at: "begin" | "read" | "write" | "commit" }
  | { readonly kind: "rot"; readonly key: number; readonly of: "record" | "digest" };

const key = fc.nat(5);
const run = (...until: ("applied" | "committed" | "answered")[]): fc.Arbitrary<Step> =>
  fc.constantFrom(...until).map((where) => ({ kind: "run", until: where }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: key.map((n): Step => ({ kind: "put", key: n })) },
  { weight: 1, arbitrary: key.map((n): Step => ({ kind: "put_for_another", key: n })) },
  { weight: 3, arbitrary: fc.tuple(key, key).map(([n, from]): Step => ({ kind: "store", key: n, from })) },
  { weight: 5, arbitrary: run("answered") },
  { weight: 1, arbitrary: run("applied", "committed") },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("begin" as const, "read" as const, "write" as const, "commit" as const)
      .map((at): Step => ({ kind: "fail", at })),
  },
);
const rot: fc.Arbitrary<Step> = fc
  .tuple(key, fc.constantFrom("record" as const, "digest" as const))
  .map(([n, of]): Step => ({ kind: "rot", key: n, of }));

/** A node's data.db through many processes, and another node's, whose records it is sent. */
class Life {
  readonly data = new MemoryDatabase();
  readonly #other = new MemoryDatabase();
  readonly #otherRig = new StoreRig({ data: this.#other });
  readonly #changesPerFold: number;
  rig: StoreRig;
  #puts = 0;

  constructor(changesPerFold: number) {
    this.#changesPerFold = changesPerFold;
    this.rig = this.#start();
  }

  async take(action: Step): Promise<void> {
    switch (action.kind) {
      case "put":
        this.rig.store.coordinate(writeOf(`key-${action.key}`, `value-${this.#puts++}`));
        return;
      case "put_for_another":
        this.rig.store.coordinate(writeOf(`key-${action.key}`, "kept", { keptFor: [OWNER_A] }));
        return;
      case "store":
        return this.#store(`key-${action.key}`);
      case "fail":
        this.data.failNext = { at: action.at, failure: new DatabaseFailure("disk_full", "no space") };
        return;
      case "rot":
        return this.#rot(`key-${action.key}`, action.of);
      case "run":
        await this.rig.run(action.until);
        if (action.until !== "answered") this.#crash();
    }
  }

  /** Every row passes its check again: what rotted is written anew. */
  async heal(): Promise<void> {
    this.data.failNext = undefined;
    for (let n = 0; n <= 5; n++) this.rig.store.coordinate(writeOf(`key-${n}`, "healed"));
    await this.rig.run();
  }

  async #store(name: string): Promise<void> {
    this.#otherRig.store.coordinate(writeOf(name, `theirs-${this.#puts++}`));
    await this.#otherRig.run();
    const { position, record } = this.#other.read(keyNamed(name).position)!;
    void this.rig.store.store({ position, record, keptFor: [] });
  }

  #rot(name: string, of: "record" | "digest"): void {
    const { position } = keyNamed(name);
    const row = this.data.scan(undefined, 10).find((each) => compareBytes(each.position, position) === 0);
    if (row === undefined) return;
    const rotten = new Uint8Array(row[of]);
    rotten[rotten.length >> 1]! ^= 4;
    this.data.plant({ ...row, [of]: rotten });
  }

  #crash(): void {
    this.data.crash();
    this.rig = this.#start();
  }

  #start(): StoreRig {
    return new StoreRig({ data: this.data, changesPerFold: this.#changesPerFold });
  }
}

describe("BatchTable, within a batch, and the Merkle tree", () => {
  it("agree after any puts, records of others, failures and crashes", async () => {
    const steps = fc.array(step, { minLength: 10, maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(1, 3, 128), async (list, changesPerFold) => {
        const life = new Life(changesPerFold);
        for (const each of list) {
          await life.take(each);
          if (each.kind === "run")
            expect(treeAsStored(life.data, 256)).to.deep.equal(treeOfRows(life.data, 256));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("agree again once what rotted was replaced, whichever part of the row it was", async () => {
    const steps = fc.array(fc.oneof(step, rot), { minLength: 10, maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const life = new Life(3);
        for (const each of list) await life.take(each);
        await life.heal();
        expect(treeAsStored(life.data, 256)).to.deep.equal(treeOfRows(life.data, 256));
      }),
      { numRuns: 40 },
    );
  });

  it("agree after leaves were rebuilt on command, also over rows that were lost", async () => {
    const data = new MemoryDatabase();
    const rig = new StoreRig({ data });
    for (let n = 0; n < 40; n++) rig.store.coordinate(writeOf(`key-${n}`, "value"));
    await rig.run();
    const lost = [3, 5, 8].map((n) => keyNamed(`key-${n}`).position);
    for (const position of lost) data.lose(position);
    expect(treeAsStored(data, 256)).to.not.deep.equal(treeOfRows(data, 256));
    const rebuilt = await rig.until(rig.store.rebuildLeaves(lost.map(leafOf)));
    expect(rebuilt.ok).to.equal(true);
    expect(treeAsStored(data, 256)).to.deep.equal(treeOfRows(data, 256));
    expect(treeAsStored(data, 1)).to.deep.equal(treeOfRows(data, 1));
  });

  it("rebuild many leaves in several transactions, so that puts come in between", async () => {
    const data = new MemoryDatabase();
    const rig = new StoreRig({ data });
    rig.store.coordinate(writeOf("cart", "a"));
    await rig.run();
    const { commits } = data;
    const leaves = Array.from({ length: 100 }, (_, leaf) => leaf);
    const rebuilt = await rig.until(rig.store.rebuildLeaves(leaves));
    expect(rebuilt.ok).to.equal(true);
    expect(data.commits - commits).to.equal(Math.ceil(100 / 16));
  });

  it("say that a rebuild failed, and leave the tree as it was", async () => {
    const data = new MemoryDatabase();
    const rig = new StoreRig({ data });
    rig.store.coordinate(writeOf("cart", "a"));
    await rig.run();
    const before = treeAsStored(data, 256);
    data.failNext = { at: "commit", failure: new DatabaseFailure("io_error", "bad sector") };
    const rebuilt = await rig.until(rig.store.rebuildLeaves([1, 2]));
    expect(rebuilt).to.deep.include({ ok: false, message: "bad sector" });
    expect(treeAsStored(data, 256)).to.deep.equal(before);
  });

  it("count the rows of hints.db in no leaf", async () => {
    const data = new MemoryDatabase();
    const rig = new StoreRig({ data });
    rig.store.coordinate(writeOf("theirs", "a", { keptFor: [OWNER_A] }));
    await rig.run();
    expect(treeAsStored(data, 1).roots).to.deep.equal([{ root: "00".repeat(16), keys: 0 }]);
  });

  it("hold the digest of the whole record in the leaf, so that a value alone makes a difference", async () => {
    const roots = new Set<string>();
    for (const value of ["one", "two"]) {
      const data = new MemoryDatabase();
      const rig = new StoreRig({ data });
      rig.store.coordinate(writeOf("cart", value, { requestId: "the same" }));
      await rig.run();
      const row = data.read(keyNamed("cart").position)!;
      expect(Buffer.from(row.digest).toString("hex")).to.equal(treeAsStored(data, 1).roots[0]!.root);
      expect(row.digest).to.deep.equal(md5Digester.md5(row.record));
      roots.add(treeAsStored(data, 1).roots[0]!.root);
    }
    expect(roots.size).to.equal(2);
  });
});
