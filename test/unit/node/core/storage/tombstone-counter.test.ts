import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { SqliteDatabase } from "../../../../../node/adapters/sqlite-database.ts";
import { type Database, DatabaseFailure } from "../../../../../node/core/ports/database.ts";
import { leafOf } from "../../../../../node/core/merkle/leaf.ts";
import { checkRow } from "../../../../../node/core/storage/row-check.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { visibleSiblings } from "../../../../../node/core/version/record.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { keyNamed, OWNER_A, seenBytes, writeOf } from "./sample-writes.ts";
import { StoreRig } from "./store-rig.ts";

const KEYS = 6;

type Step =
  | { readonly kind: "put" | "delete"; readonly key: number; readonly seen: boolean }
  | {
      readonly kind: "delete_for_another" | "store" | "rewrite" | "drop" | "rot" | "lose";
      readonly key: number;
    }
  | { readonly kind: "run"; readonly until: "applied" | "committed" | "answered" }
  | { readonly kind: "fail"; readonly at: "begin" | "read" | "write" | "commit" }
  | { readonly kind: "count" | "rebuild" };

const key = fc.nat(KEYS - 1);
const of = <K extends Step["kind"]>(...kinds: K[]) => fc.constantFrom(...kinds);
const putOrDelete: fc.Arbitrary<Step> = fc.record({ kind: of("put", "delete"), key, seen: fc.boolean() });
const honest: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: putOrDelete },
  { weight: 4, arbitrary: fc.record({ kind: of("store", "rewrite", "drop", "delete_for_another"), key }) },
  { weight: 5, arbitrary: fc.constant<Step>({ kind: "run", until: "answered" }) },
  { weight: 1, arbitrary: fc.record({ kind: of("run"), until: fc.constantFrom("applied", "committed") }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: of("fail"), at: fc.constantFrom("begin", "read", "write", "commit") }),
  },
);
const damage: fc.Arbitrary<Step> = fc.record({ kind: of("rot", "lose"), key });
const repair: fc.Arbitrary<Step> = fc.record({ kind: of("count", "rebuild") });

/** A node's data.db through many processes, and another node's, whose records it is sent. */
class Life {
  readonly data = new MemoryDatabase();
  rig = new StoreRig({ data: this.data });
  readonly #other = new MemoryDatabase();
  readonly #otherRig = new StoreRig({ data: this.#other });

  async take(action: Step): Promise<void> {
    switch (action.kind) {
      case "put":
      case "delete":
        return void this.rig.store.coordinate(this.#writeOf(action));
      case "delete_for_another":
        this.rig.store.coordinate({ ...this.#writeOf({ ...action, seen: true }), keptFor: [OWNER_A] });
        return;
      case "store":
      case "rewrite":
        return this.#store(action.key, action.kind === "rewrite");
      case "drop":
        return this.#drop(action.key);
      case "fail":
        this.data.failNext = { at: action.at, failure: new DatabaseFailure("disk_full", "no space") };
        return;
      case "rot":
        return this.#rot(action.key);
      case "lose":
        return this.data.lose(placeOf(action.key));
      case "count":
        return void this.rig.store.countTombstones();
      case "rebuild":
        return this.rig.until(rebuildAll(this.rig));
      case "run":
        await this.rig.run(action.until);
        if (action.until !== "answered") this.restart();
    }
  }

  restart(): void {
    this.data.crash();
    this.rig = new StoreRig({ data: this.data });
  }

  #writeOf({ kind, key: n, seen }: { kind: string; key: number; seen: boolean }, data = this.data) {
    const row = seen ? data.scan(undefined, KEYS).find(({ position }) => isAt(position, n)) : undefined;
    const checked = checkRow(row, md5Digester);
    const coverage = checked.state === "sound" ? seenBytes(checked.record.coverage) : new Uint8Array(0);
    if (kind === "put") return writeOf(`key-${n}`, "value", { seen: coverage });
    return writeOf(`key-${n}`, "", { tombstone: true, seen: coverage });
  }

  /** The other node deletes, and what it has then arrives here. */
  async #store(n: number, rewrite: boolean): Promise<void> {
    this.#otherRig.store.coordinate(
      this.#writeOf({ kind: n % 2 === 0 ? "put" : "delete", key: n, seen: true }, this.#other),
    );
    await this.#otherRig.run();
    const { position, record } = this.#other.read(placeOf(n))!;
    void this.rig.store.store({ position, record, keptFor: [], ...(rewrite ? { rewrite } : {}) });
  }

  /** What is committed: a write that waits makes another row of it. */
  #drop(n: number): void {
    const row = this.data.scan(undefined, KEYS).find(({ position }) => isAt(position, n));
    if (row !== undefined) void this.rig.store.dropRows([row]);
  }

  #rot(n: number): void {
    const row = this.data.scan(undefined, KEYS).find(({ position }) => isAt(position, n));
    // Twice the same bit, and it would be sound again.
    if (row === undefined || checkRow(row, md5Digester).state !== "sound") return;
    const record = new Uint8Array(row.record);
    record[record.length >> 1]! ^= 4;
    this.data.plant({ ...row, record });
  }
}

function placeOf(n: number): Uint8Array {
  return keyNamed(`key-${n}`).position;
}

function isAt(position: Uint8Array, n: number): boolean {
  return Buffer.compare(position, placeOf(n)) === 0;
}

/** The count's definition, by way of what a reader is shown. */
function scanned(data: Database): number {
  const sound = data.scan(undefined, 10_000).flatMap((row) => {
    const checked = checkRow(row, md5Digester);
    return checked.state === "sound" ? [checked.record] : [];
  });
  return sound.filter((record) => record.siblings.length > 0 && visibleSiblings(record).length === 0).length;
}

function kept(data: Database) {
  return data.identity()!.tombstones;
}

/** What the scrub does in one pass. */
async function rebuildAll({ store }: StoreRig): Promise<void> {
  const verified = await store.verifyRows({ after: undefined, rowsMax: 10_000 });
  if (verified.status === "read") await store.rebuildLeaves(verified.leavesWrong);
}

async function countToTheEnd(rig: StoreRig): Promise<number> {
  for (let steps = 1; ; steps++) {
    expect((await rig.until(rig.store.countTombstones())).ok).to.equal(true);
    if (!rig.store.tombstones().inDoubt) return steps;
  }
}

describe("the number of tombstones", () => {
  it("is that of a scan after any puts, deletes, merges, failures and crashes, and never in doubt", async () => {
    const steps = fc.array(honest, { minLength: 10, maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const life = new Life();
        for (const each of list) {
          await life.take(each);
          if (each.kind !== "run") continue;
          expect(kept(life.data) ?? { count: 0, inDoubt: false }).to.deep.equal({
            count: scanned(life.data),
            inDoubt: false,
          });
          expect(life.rig.store.tombstones().count).to.equal(scanned(life.data));
        }
      }),
      { numRuns: 150 },
    );
  });

  it("is that of a scan again, rows having rotted and gone, once they were found, written anew and counted", async () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: honest },
        { weight: 1, arbitrary: damage },
        { weight: 1, arbitrary: repair },
      ),
      { minLength: 10, maxLength: 50, size: "max" },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const life = new Life();
        for (const each of list) await life.take(each);
        life.data.failNext = undefined;
        await life.rig.run();
        await life.rig.until(rebuildAll(life.rig));
        for (let n = 0; n < KEYS; n++) await life.take({ kind: "rewrite", key: n });
        await life.rig.run();
        await countToTheEnd(life.rig);
        expect(life.rig.store.tombstones()).to.deep.equal({ count: scanned(life.data), inDoubt: false });
        life.restart();
        expect(life.rig.store.tombstones()).to.deep.equal({ count: scanned(life.data), inDoubt: false });
      }),
      { numRuns: 150 },
    );
  });

  it("is not in doubt where leaves were rebuilt that were right: what a co-owner has may be what is wrong", async () => {
    const life = new Life();
    await life.take({ kind: "delete", key: 1, seen: false });
    await life.rig.run();
    await life.rig.until(life.rig.store.rebuildLeaves([leafOf(placeOf(1)), leafOf(placeOf(2))]));
    expect(life.rig.store.tombstones()).to.deep.equal({ count: 1, inDoubt: false });
  });

  it("is off by a lost row until its leaf is found wrong and all rows are counted", async () => {
    const life = new Life();
    for (let n = 0; n < KEYS; n++) await life.take({ kind: "delete", key: n, seen: false });
    await life.rig.run();
    await life.take({ kind: "lose", key: 2 });
    expect(life.rig.store.tombstones()).to.deep.equal({ count: KEYS, inDoubt: false });
    await life.take({ kind: "rebuild" });
    expect(life.rig.store.tombstones()).to.deep.equal({ count: KEYS, inDoubt: true });
    life.restart();
    expect(life.rig.store.tombstones().inDoubt, "after a restart").to.equal(true);
    await countToTheEnd(life.rig);
    expect(life.rig.store.tombstones()).to.deep.equal({ count: KEYS - 1, inDoubt: false });
  });
});

/** As if a build had written it that did not count. */
function forgetCount(data: Database): void {
  const { tombstones, ...identity } = data.identity()!;
  void tombstones;
  data.begin();
  data.writeIdentity(identity);
  data.commit();
}

const databases = {
  memory: () => new MemoryDatabase(),
  SQLite: (directory: string) =>
    new SqliteDatabase({ path: join(directory, "data.db"), role: "write", cacheBytes: 1 << 20 }),
};

for (const [name, open] of Object.entries(databases)) {
  describe(`a count of all rows, in ${name}`, () => {
    let directory: string;
    let data: MemoryDatabase | SqliteDatabase;
    let rig: StoreRig;
    const ROWS = 300;

    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), "dynamokv-tombstones-"));
      data = open(directory);
      rig = new StoreRig({ data });
      for (let n = 0; n < ROWS; n++) write(n, n % 3 === 0);
      await rig.run();
    });

    afterEach(() => {
      if (data instanceof SqliteDatabase) data.close();
      rmSync(directory, { recursive: true });
    });

    function write(n: number, tombstone: boolean): void {
      const row = data.read(keyNamed(`row-${n}`).position);
      const seen = row === undefined ? new Uint8Array(0) : seenBytes(decodeRecord(row.record).coverage);
      rig.store.coordinate(writeOf(`row-${n}`, tombstone ? "" : "value", { tombstone, seen }));
    }

    it("finds what a build wrote that did not count, and is in doubt until then", async () => {
      expect(rig.store.tombstones()).to.deep.equal({ count: ROWS / 3, inDoubt: false });
      forgetCount(data);
      rig = new StoreRig({ data });
      expect(rig.store.tombstones()).to.deep.equal({ count: 0, inDoubt: true });
      expect(await countToTheEnd(rig)).to.equal(Math.ceil(ROWS / 64));
      expect(rig.store.tombstones()).to.deep.equal({ count: ROWS / 3, inDoubt: false });
      rig = new StoreRig({ data });
      expect(rig.store.tombstones(), "after a restart").to.deep.equal({ count: ROWS / 3, inDoubt: false });
    });

    it("is right whatever is written before, at and behind the place that it has come to", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.option(fc.record({ n: fc.nat(ROWS - 1), tombstone: fc.boolean() }), { freq: 8 }), {
            minLength: 60,
            maxLength: 60,
          }),
          async (list) => {
            forgetCount(data);
            rig = new StoreRig({ data });
            for (const each of list) {
              if (each === null) void rig.store.countTombstones();
              else write(each.n, each.tombstone);
              await rig.run();
            }
            await countToTheEnd(rig);
            expect(rig.store.tombstones().count).to.equal(scanned(data));
          },
        ),
        { numRuns: name === "memory" ? 15 : 5 },
      );
    });

    it("takes in each row that changes behind a count, and none that it is still to come to", async () => {
      forgetCount(data);
      rig = new StoreRig({ data });
      expect((await rig.until(rig.store.countTombstones())).ok).to.equal(true);
      for (let n = 0; n < ROWS; n++) write(n, n % 3 !== 0);
      await rig.run();
      await countToTheEnd(rig);
      expect(rig.store.tombstones()).to.deep.equal({ count: (2 * ROWS) / 3, inDoubt: false });
    });

    it("costs no read and no row where there is no doubt", async () => {
      const { sequence } = rig.store.point();
      expect(await countToTheEnd(rig)).to.equal(1);
      expect(rig.store.point().sequence).to.equal(sequence);
    });
  });
}
