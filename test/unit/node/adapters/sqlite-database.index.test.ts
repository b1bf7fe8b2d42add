import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { SqliteDatabase } from "../../../../node/adapters/sqlite-database.ts";
import type { HintBatch, KeptHint } from "../../../../node/core/ports/hint-store.ts";
import { decodeRecord } from "../../../../node/core/version/record-codec.ts";
import { keyNamed, OWNER_A, OWNER_B, writeOf } from "../core/storage/sample-writes.ts";
import { flipBit, placeIn } from "./flip-bit.ts";
import { StoreRig } from "../core/storage/store-rig.ts";

const NAMES = ["first", "cart", "third"];
const PAGE_BYTES = 4_096;
const limits = { rows: 10, bytes: 1_000_000 };

/** Where a place stands in a file of three rows, in its order: each table and index is one page. */
const COPIES = { row: 0, places: 1, owners: 2 } as const;

/** A bit flips in one of the two indexes of a real file, or in a row's own column of them. */
describe("SqliteDatabase: an index that rots", () => {
  let directory: string;
  let databases: SqliteDatabase[];
  let rig: StoreRig;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "dynamokv-index-"));
    open();
  });
  afterEach(() => {
    close();
    rmSync(directory, { recursive: true });
  });

  function open(): void {
    const connection = (name: string, role: "write" | "read") =>
      new SqliteDatabase({ path: join(directory, name), role, cacheBytes: 1 << 20 });
    const [data, hints] = ["data.db", "hints.db"].map((name) => connection(name, "write"));
    const [readerData, readerHints] = ["data.db", "hints.db"].map((name) => connection(name, "read"));
    databases = [readerData!, readerHints!, data!, hints!];
    rig = new StoreRig({ data: data!, hints: hints!, readerData: readerData!, readerHints: readerHints! });
  }

  /** The writers last: they then move what is left of the log into the file. */
  function close(): void {
    for (const database of databases.splice(0)) database.close();
  }

  async function put(name: string, value: string, ...keptFor: (typeof OWNER_A)[]): Promise<string> {
    const durable = await rig.until(rig.store.coordinate(writeOf(name, value, { keptFor })).durable);
    return durable.ok ? "ok" : durable.code;
  }

  async function keepThree(...owners: (typeof OWNER_A)[]): Promise<void> {
    for (const name of NAMES) expect(await put(name, `value of ${name}`, ...owners)).to.equal("ok");
  }

  /** @param at from the first byte of the place; 16 is the row's number, where it is an index */
  function rot(file: string, copy: keyof typeof COPIES, at: number, mask = 1): void {
    close();
    const path = join(directory, file);
    const bytes = readFileSync(path);
    const { position } = keyNamed("cart");
    const found: number[] = [];
    for (let i = bytes.indexOf(position); i >= 0; i = bytes.indexOf(position, i + 1)) found.push(i);
    expect(new Set(found.map((each) => Math.floor(each / PAGE_BYTES))).size).to.equal(found.length);
    flipBit(path, found[COPIES[copy]]! + at, mask);
    open();
  }

  /** @param what stands in data.db once */
  function flipBitOf(what: string): void {
    close();
    const path = join(directory, "data.db");
    flipBit(path, placeIn(path, what));
    open();
  }

  async function statusOf(name: string): Promise<string> {
    return (await rig.until(rig.store.read({ ...keyNamed(name), want: "record" }))).status;
  }

  async function batchFor(owner: typeof OWNER_A): Promise<Extract<HintBatch, { status: "read" }>> {
    const batch = await rig.until(rig.store.hintsFor({ owner, after: undefined, limits }));
    if (batch.status !== "read") throw new Error(batch.message);
    return batch;
  }

  function nameOf({ record }: KeptHint): string {
    return Buffer.from(decodeRecord(record!).key).toString();
  }

  /** As the handoff does, to an owner who takes what lies where it belongs; the names of what it was given. */
  async function deliverAll(owner: typeof OWNER_A): Promise<{ given: string[]; lost: number }> {
    const given: string[] = [];
    let lost = 0;
    for (let rounds = 0; rounds < 3; rounds++) {
      const { hints, rotten } = await batchFor(owner);
      for (const { position } of rotten) {
        const mended = await rig.until(rig.store.mendHint({ position, owner }));
        if (!mended.ok && mended.code === "hint_lost") lost += 1;
        else expect(mended.ok, JSON.stringify(mended)).to.equal(true);
      }
      for (const hint of hints) {
        expect(hint.position).to.deep.equal(keyNamed(nameOf(hint)).position);
        given.push(nameOf(hint));
        const { position, digest } = hint;
        expect((await rig.until(rig.store.forgetHint({ position, digest, owner }))).ok).to.equal(true);
      }
    }
    return { given: [...new Set(given)].sort(), lost };
  }

  function eventsOf(kind: string) {
    return rig.events.filter((event) => event.kind === kind);
  }

  const cases = [
    { copy: "places", at: 0, mask: 1, what: "a place in the index of places" },
    { copy: "places", at: 15, mask: 1, what: "the end of a place in the index of places" },
    { copy: "places", at: 16, mask: 1, what: "a row's number in the index of places: another row" },
    { copy: "places", at: 16, mask: 64, what: "a row's number in the index of places: no row" },
    { copy: "owners", at: 0, mask: 1, what: "a place in the index of owners" },
    { copy: "owners", at: 15, mask: 1, what: "the end of a place in the index of owners" },
    { copy: "owners", at: 16, mask: 1, what: "a row's number in the index of owners" },
    { copy: "row", at: 0, mask: 1, what: "a row's place" },
    { copy: "row", at: 15, mask: 1, what: "the end of a row's place" },
  ] as const;
  for (const { copy, at, mask, what } of cases) {
    it(`loses no hint, and counts right, where it is ${what}`, async () => {
      await keepThree(OWNER_A, OWNER_B);
      rot("hints.db", copy, at, mask);
      expect(await deliverAll(OWNER_A)).to.deep.equal({ given: [...NAMES].sort(), lost: 0 });
      expect([...rig.store.rows().hintsByOwner]).to.deep.equal([[OWNER_B, 3]]);
      expect(await deliverAll(OWNER_B)).to.deep.equal({ given: [...NAMES].sort(), lost: 0 });
      expect(rig.store.rows()).to.deep.include({ hints: 0, markers: 0, hintsByOwner: new Map() });
    });
  }

  it("loses no hint where an entry of the index of owners has a place of 17 bytes", async () => {
    await keepThree(OWNER_A);
    // Before the place: 46 bytes of owners with their checksum, and the types of place and number.
    rot("hints.db", "owners", -48, 2);
    expect(await deliverAll(OWNER_A)).to.deep.equal({ given: [...NAMES].sort(), lost: 0 });
    expect(rig.store.rows().hints).to.equal(0);
  });

  for (const at of [0, 15]) {
    it(`is noticed, said and counted where the index of owners names a place without a row: byte ${at}`, async () => {
      await keepThree(OWNER_A);
      rot("hints.db", "owners", at);
      expect((await batchFor(OWNER_A)).rotten).to.have.length(1);
      expect(eventsOf("row_corrupt")).to.deep.equal([{ kind: "row_corrupt", database: "hints" }]);
      await deliverAll(OWNER_A);
      expect(eventsOf("indexes_rebuilt")).to.deep.equal([
        { kind: "indexes_rebuilt", database: "hints", rowsDisplaced: 0 },
      ]);
    });
  }

  it("is made anew once at most in a minute for places that are reported and that hold nothing", async () => {
    await keepThree(OWNER_A);
    for (const name of ["not", "kept"]) {
      const { position } = keyNamed(name);
      expect((await rig.until(rig.store.mendHint({ position, owner: OWNER_A }))).ok).to.equal(true);
    }
    expect(eventsOf("indexes_rebuilt")).to.have.length(1);
  });

  it("puts a sound hint back under its own place where the row's rotted and the indexes are made anew", async () => {
    await keepThree(OWNER_A);
    rot("hints.db", "row", 15);
    const hints = databases[3]!;
    hints.begin();
    hints.rebuildIndexes();
    hints.commit();
    hints.takeRebuilt();
    expect((await batchFor(OWNER_A)).rotten).to.have.length(1);
    expect(await deliverAll(OWNER_A)).to.deep.equal({ given: [...NAMES].sort(), lost: 0 });
    expect(rig.store.rows().hints).to.equal(0);
  });

  for (const file of ["data.db", "hints.db"]) {
    const keptFor = file === "hints.db" ? [OWNER_A] : [];
    for (const mask of [1, 64]) {
      it(`does not refuse a key's puts where it leads to another row: ${file}, bit ${mask}`, async () => {
        await keepThree(...keptFor);
        rot(file, "places", 16, mask);
        expect(await put("cart", "newer", ...keptFor)).to.equal("ok");
        for (const name of NAMES) {
          const read = await rig.until(rig.store.read({ ...keyNamed(name), want: "record" }));
          if (read.status !== "found") throw new Error(`${name}: ${read.status}`);
          const values = decodeRecord(read.record!).siblings.map(({ value }) =>
            Buffer.from(value).toString(),
          );
          expect(values).to.have.members(name === "cart" ? ["value of cart", "newer"] : [`value of ${name}`]);
        }
        expect(eventsOf("indexes_rebuilt")).to.have.length(1);
      });
    }
  }

  for (const rewrite of [undefined, true] as const) {
    it(`does not have another row overwritten that rotted as well: ${rewrite ? "fetched" : "put"}`, async () => {
      await keepThree();
      const cart = await rig.until(rig.store.read({ ...keyNamed("cart"), want: "record" }));
      if (cart.status !== "found") throw new Error(cart.status);
      const record = cart.record!.slice();
      rot("data.db", "places", 16);
      flipBitOf("value of third");
      expect([await statusOf("cart"), await statusOf("third")]).to.deep.equal(["corrupt", "corrupt"]);
      const { position } = keyNamed("cart");
      if (rewrite === undefined) expect(await put("cart", "newer")).to.equal("ok");
      else {
        const stored = await rig.until(rig.store.store({ position, record, keptFor: [], rewrite }));
        expect(stored.ok).to.equal(true);
      }
      expect([await statusOf("cart"), await statusOf("third")]).to.deep.equal(["found", "corrupt"]);
      expect(rig.store.rows().data).to.equal(3);
      expect(eventsOf("indexes_rebuilt")).to.have.length(1);
    });
  }

  it("does not take another row for the one that an owner missed", async () => {
    await keepThree(OWNER_A);
    rot("hints.db", "places", 16);
    const { position } = keyNamed("cart");
    expect((await rig.until(rig.store.mark({ position, owners: [OWNER_B] }))).ok).to.equal(true);
    expect((await deliverAll(OWNER_B)).given).to.deep.equal(["cart"]);
    expect((await deliverAll(OWNER_A)).given).to.deep.equal([...NAMES].sort());
  });

  it("does not keep a row with two owners counted whose owners rotted", async () => {
    await keepThree(OWNER_A, OWNER_B);
    close();
    const path = join(directory, "hints.db");
    flipBit(path, placeIn(path, OWNER_A, placeIn(path, keyNamed("cart").position)));
    open();
    expect((await deliverAll(OWNER_A)).lost).to.equal(1);
    expect([...rig.store.rows().hintsByOwner]).to.deep.equal([[OWNER_B, 2]]);
    expect(rig.store.rows().hints).to.equal(2);
  });
});
