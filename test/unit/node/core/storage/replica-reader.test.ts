import { countingRandom, keyNamed, OWNER_A, writeOf } from "./sample-writes.ts";
import { ActorMint } from "../../../../../node/core/version/actor.ts";
import { applyCoordinated } from "../../../../../node/core/storage/apply-write.ts";
import { decodeAnswers, encodeQueries } from "../../../../../node/core/storage/read-codec.ts";
import { DatabaseFailure, type StoredRow } from "../../../../../node/core/ports/database.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { expect } from "chai";
import { md5Digester as hash } from "../../../../../node/adapters/md5.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { PipePair } from "./pipe-pair.ts";
import { ReplicaReader } from "../../../../../node/core/storage/replica-reader.ts";
import type { ReplicaQuery } from "../../../../../node/core/ports/replica-store.ts";

const random = countingRandom(500);

function rowOf(name: string, text: string, keptFor: (typeof OWNER_A)[] = []): StoredRow {
  const actor = Buffer.from(random.bytes(8)).toString("hex");
  const tools = { mint: new ActorMint(actor), limits: { siblingsMax: 9, recordBytesMax: 9_999 }, hash };
  const result = applyCoordinated({ state: "absent" }, writeOf(name, text, { keptFor }), tools);
  if (result.outcome === "refused") throw new Error(result.message);
  return result.row!;
}

function corrupted(row: StoredRow): StoredRow {
  const record = row.record.slice();
  record[record.length >> 1]! ^= 4;
  return { ...row, record };
}

describe("ReplicaReader", () => {
  let data: MemoryDatabase;
  let hints: MemoryDatabase;
  let pipe: PipePair;
  let answers: ReturnType<typeof decodeAnswers>[];

  beforeEach(() => {
    data = new MemoryDatabase();
    hints = new MemoryDatabase();
    pipe = new PipePair();
    answers = [];
    new ReplicaReader({ data, hints, pipe: pipe.far, hash });
    pipe.near.onMessage((message) => answers.push(decodeAnswers(message)));
  });

  function ask(...queries: ReplicaQuery[]) {
    pipe.near.post(encodeQueries(queries));
    pipe.far.deliver();
    pipe.near.deliver();
    return answers.pop()!;
  }

  function query(name: string, want: "record" | "digest" = "record"): ReplicaQuery {
    return { ...keyNamed(name), want };
  }

  it("answers in the order of the queries, with the record or with its digest alone", () => {
    const row = rowOf("cart", "a");
    data.plant(row);
    const { record, digest } = row;
    expect(ask(query("cart"), query("none"), query("cart", "digest")).reads).to.deep.equal([
      { status: "found", record, digest, keptFor: [] },
      { status: "not_found" },
      { status: "found", record: undefined, digest, keptFor: [] },
    ]);
  });

  it("serves what it keeps for others", () => {
    const { record, digest } = rowOf("cart", "a");
    hints.plant(rowOf("cart", "a", [OWNER_A]));
    const [read] = ask(query("cart")).reads;
    expect(read).to.deep.include({ status: "found", keptFor: [OWNER_A] });
    expect(read).to.not.deep.include({ record, digest });
  });

  it("merges its own copy with one that it keeps for others", () => {
    data.plant(rowOf("cart", "a"));
    hints.plant(rowOf("cart", "b", [OWNER_A]));
    const [read] = ask(query("cart")).reads;
    if (read?.status !== "found") throw new Error("not found");
    expect(decodeRecord(read.record!).siblings).to.have.length(2);
    expect(read.digest).to.deep.equal(hash.md5(read.record!));
  });

  it("never serves a corrupt row, nor its digest", () => {
    data.plant(corrupted(rowOf("cart", "a")));
    const answer = ask(query("cart"), query("cart", "digest"));
    expect(answer.reads).to.deep.equal([{ status: "corrupt" }, { status: "corrupt" }]);
    expect(answer.dataRowsCorrupt).to.equal(2);
  });

  it("does not let a sound hint vouch for a corrupt copy, nor a corrupt hint spoil a sound one", () => {
    data.plant(corrupted(rowOf("one", "a")));
    hints.plant(rowOf("one", "b", [OWNER_A]));
    const own = rowOf("two", "a");
    data.plant(own);
    hints.plant(corrupted(rowOf("two", "b", [OWNER_A])));
    hints.plant(corrupted(rowOf("three", "c", [OWNER_A])));
    const answer = ask(query("one"), query("two"), query("three"));
    expect(answer.reads.map(({ status }) => status)).to.deep.equal(["corrupt", "found", "corrupt"]);
    expect(answer.reads[1]).to.deep.include({ record: own.record });
    expect([answer.dataRowsCorrupt, answer.hintRowsCorrupt]).to.deep.equal([1, 2]);
  });

  it("fails a query whose position holds another key", () => {
    data.plant({ ...rowOf("other", "a"), position: keyNamed("cart").position });
    expect(ask(query("cart")).reads[0]).to.include({ status: "failed" });
  });

  it("fails every query of a message where the disk does", () => {
    data.failNext = { at: "read", failure: new DatabaseFailure("io_error", "bad sector") };
    expect(ask(query("a"), query("b")).reads).to.deep.equal([
      { status: "failed", message: "bad sector" },
      { status: "failed", message: "bad sector" },
    ]);
    expect(ask(query("a")).reads[0]).to.include({ status: "not_found" });
  });
});
