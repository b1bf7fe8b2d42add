import { expect } from "chai";
import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import { DatabaseFailure } from "../../../../../node/core/ports/database.ts";
import {
  FIRST_PLACE,
  type HintBatch,
  type HintBatchLimits,
} from "../../../../../node/core/ports/hint-store.ts";
import {
  decodeHintQuery,
  decodeHints,
  encodeHintQuery,
  encodeHints,
} from "../../../../../node/core/storage/hint-codec.ts";
import { readHints } from "../../../../../node/core/storage/hint-reader.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { OWNER_A, OWNER_B } from "./sample-writes.ts";

function place(n: number): Uint8Array {
  return new Uint8Array(16).fill(n);
}

/** None of whose key could be read: it may lie anywhere. */
function recordOf(n: number, bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(0x40 + n);
}

function plant(database: MemoryDatabase, n: number, owners: readonly string[], bytes = 10): void {
  const record = recordOf(n, bytes);
  database.plant({
    position: place(n),
    record,
    digest: hash.md5(record),
    mine: new Uint8Array(0),
    keptFor: owners,
  });
}

/** The whole way that a question and its answer take between the threads. */
function ask(
  database: MemoryDatabase,
  after: Uint8Array | undefined,
  limits: HintBatchLimits,
  own = new MemoryDatabase(),
) {
  const query = decodeHintQuery(encodeHintQuery({ owner: OWNER_A, after, limits }));
  expect(query).to.deep.equal({ owner: OWNER_A, after, limits });
  return decodeHints(encodeHints(readHints(query, { hints: database, data: own }, hash)));
}

function placesOf(batch: HintBatch): (number | undefined)[] {
  if (batch.status === "failed") throw new Error(batch.message);
  return batch.hints.map(({ position }) => position[0]);
}

function nextOf(batch: HintBatch): Uint8Array | undefined {
  return batch.status === "read" ? batch.next : undefined;
}

const roomy = { rows: 100, bytes: 1_000_000 };

describe("readHints", () => {
  let database: MemoryDatabase;

  beforeEach(() => {
    database = new MemoryDatabase();
  });

  it("reads one owner's rows only, in order, with record and digest", () => {
    plant(database, 3, [OWNER_A, OWNER_B]);
    plant(database, 1, [OWNER_A]);
    plant(database, 2, [OWNER_B]);
    const { batch, hintRowsCorrupt } = ask(database, undefined, roomy);
    expect(placesOf(batch)).to.deep.equal([1, 3]);
    expect(nextOf(batch)).to.equal(undefined);
    expect(hintRowsCorrupt).to.equal(0);
    const record = recordOf(1, 10);
    const first = batch.status === "read" ? batch.hints[0] : undefined;
    expect(first).to.deep.equal({ position: place(1), record, digest: hash.md5(record) });
  });

  it("shows every row once over several batches, whatever ends them", () => {
    for (let n = 1; n <= 9; n++) plant(database, n, [OWNER_A], n * 10);
    for (const limits of [
      { rows: 1, bytes: 1_000 },
      { rows: 2, bytes: 1_000 },
      { rows: 3, bytes: 1_000 },
      { rows: 100, bytes: 100 },
      { rows: 100, bytes: 1 },
      { rows: 9, bytes: 1_000 },
    ]) {
      const seen: (number | undefined)[] = [];
      let after: Uint8Array | undefined;
      do {
        const { batch } = ask(database, after, limits);
        expect(placesOf(batch).length).to.be.at.most(limits.rows);
        seen.push(...placesOf(batch));
        after = nextOf(batch);
      } while (after !== undefined);
      expect(seen, JSON.stringify(limits)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
  });

  it("gives a record that is larger than a batch in a batch of its own", () => {
    plant(database, 1, [OWNER_A], 5_000);
    plant(database, 2, [OWNER_A], 10);
    const { batch } = ask(database, undefined, { rows: 10, bytes: 1_000 });
    expect(placesOf(batch)).to.deep.equal([1]);
    expect(nextOf(batch)).to.deep.equal(place(1));
  });

  it("reads this node's own record for a marker, and none where that is lost", () => {
    const own = new MemoryDatabase();
    plant(own, 1, [], 20);
    for (const n of [1, 2]) plant(database, n, [OWNER_A], 0);
    const { batch } = ask(database, undefined, roomy, own);
    const hints = batch.status === "read" ? batch.hints : [];
    expect(hints.map(({ record }) => record?.length)).to.deep.equal([20, undefined]);
  });

  it("leaves out a marker whose record is rotten, and says in which database", () => {
    const own = new MemoryDatabase();
    plant(own, 1, []);
    own.plant({ ...own.read(place(1))!, digest: new Uint8Array(16) });
    plant(database, 1, [OWNER_A], 0);
    const { batch, dataRowsCorrupt, hintRowsCorrupt } = ask(database, undefined, roomy, own);
    expect([placesOf(batch), dataRowsCorrupt, hintRowsCorrupt]).to.deep.equal([[], 1, 0]);
  });

  it("passes over rows that fail their check and counts them, also where a batch has no other", () => {
    for (let n = 1; n <= 3; n++) plant(database, n, [OWNER_A]);
    for (const n of [1, 2]) database.plant({ ...database.read(place(n))!, digest: new Uint8Array(16) });
    const first = ask(database, undefined, { rows: 2, bytes: 1_000 });
    expect([placesOf(first.batch), first.hintRowsCorrupt]).to.deep.equal([[], 2]);
    const second = ask(database, nextOf(first.batch), { rows: 2, bytes: 1_000 });
    expect([placesOf(second.batch), second.hintRowsCorrupt]).to.deep.equal([[3], 0]);
  });

  it("names a place of the index where no row is found, and one where the index itself cannot be read", () => {
    plant(database, 1, [OWNER_A]);
    plant(database, 3, [OWNER_A]);
    database.positionsKeptFor = () => [place(1), place(2), place(3)];
    const { batch, hintRowsCorrupt } = ask(database, undefined, roomy);
    expect([placesOf(batch), hintRowsCorrupt]).to.deep.equal([[1, 3], 1]);
    expect(batch).to.deep.include({ rotten: [{ position: place(2), database: "hints" }] });
    database.positionsKeptFor = () => {
      throw new DatabaseFailure("damaged", "malformed");
    };
    const rotten = [{ position: FIRST_PLACE, database: "hints" }];
    for (const after of [undefined, place(1)])
      expect(ask(database, after, roomy).batch).to.deep.include({ hints: [], rotten, next: undefined });
  });

  it("says so when the disk fails, and can be asked again", () => {
    plant(database, 1, [OWNER_A]);
    database.failNext = { at: "read", failure: new DatabaseFailure("io_error", "disk I/O error") };
    expect(ask(database, undefined, roomy).batch).to.deep.equal({
      status: "failed",
      message: "disk I/O error",
    });
    expect(placesOf(ask(database, undefined, roomy).batch)).to.deep.equal([1]);
  });
});
