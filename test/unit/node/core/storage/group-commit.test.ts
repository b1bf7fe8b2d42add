import { keyNamed, OWNER_A, OWNER_B, writeOf, countingRandom } from "./sample-writes.ts";
import {
  commandBytes,
  encodeWrites,
  type WriteCommand,
} from "../../../../../node/core/storage/write-codec.ts";
import { DatabaseFailure, type StoredRow } from "../../../../../node/core/ports/database.ts";
import { decodeWriterReply, type WriterReply } from "../../../../../node/core/storage/write-reply-codec.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { expect } from "chai";
import { GroupCommit } from "../../../../../node/core/storage/group-commit.ts";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { noRows } from "../../../../../node/core/storage/row-counts.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { PipePair } from "./pipe-pair.ts";

const limits = { siblingsMax: 100, recordBytesMax: 1 << 20 };
const random = countingRandom();

class Writer {
  readonly pipe = new PipePair();
  readonly engine: GroupCommit;
  readonly replies: WriterReply[] = [];
  readonly data: MemoryDatabase;
  readonly hints: MemoryDatabase;
  #calls = 0;

  constructor(data = new MemoryDatabase(), hints = new MemoryDatabase(), hintBytesMax = 1 << 30) {
    this.data = data;
    this.hints = hints;
    const clock = { monotonicMs: () => 0, wallMs: () => 0 };
    this.engine = new GroupCommit({
      data,
      hints,
      pipe: this.pipe.far,
      hash: md5Digester,
      random,
      clock,
      limits: { ...limits, hintBytesMax },
    });
    // What it wrote to begin with is not what is counted.
    data.commits = 0;
    this.pipe.near.onMessage((message) => this.replies.push(decodeWriterReply(message)));
  }

  send(...commands: WriteCommand[]): void {
    const bytes = commands.reduce((sum, command) => sum + commandBytes(command), 0);
    this.pipe.near.post(encodeWrites(this.#calls, commands, bytes));
    this.#calls += commands.length;
    this.pipe.far.deliver();
  }

  put(name: string, text: string, more = {}): void {
    this.send({ kind: "coordinate", write: writeOf(name, text, more) });
  }

  /** What came back since the last look. */
  heard(): WriterReply[] {
    this.pipe.near.deliver();
    return this.replies.splice(0);
  }

  run(): WriterReply[] {
    while (this.engine.apply()) this.engine.commit();
    return this.heard();
  }
}

function runsOf(replies: WriterReply[]) {
  return replies.flatMap((reply) => (reply.kind === "settled" ? reply.runs : []));
}

function dotsOf(replies: WriterReply[]): string[] {
  const merged = replies.flatMap((reply) => (reply.kind === "merged" ? reply.merged : []));
  return merged.map(({ result }) => (result.ok ? `${result.dot.actor}:${result.dot.n}` : result.code));
}

function rowsAdded(replies: WriterReply[]) {
  return replies.flatMap((reply) => (reply.kind === "settled" ? [reply.batch.rowsAdded] : []));
}

const full = (): DatabaseFailure => new DatabaseFailure("disk_full", "no space left");

describe("GroupCommit", () => {
  it("commits what has arrived as one batch and acknowledges it as one run", () => {
    const writer = new Writer();
    for (let i = 0; i < 5; i++) writer.put(`key-${i}`, "v");
    const replies = writer.run();
    expect(writer.data.commits).to.equal(1);
    const [run, ...others] = runsOf(replies);
    expect([run!.firstCall, run!.count, run!.result.ok, others.length]).to.deep.equal([0, 5, true, 0]);
    expect(writer.data.count()).to.equal(5);
  });

  it("hands merged records out before the commit, and acknowledgements only after it", () => {
    const writer = new Writer();
    writer.put("cart", "a");
    writer.engine.apply();
    expect(writer.heard().map(({ kind }) => kind)).to.deep.equal(["merged"]);
    writer.engine.commit();
    expect(writer.heard().map(({ kind }) => kind)).to.deep.equal(["settled"]);
  });

  it("cuts a batch at four mebibytes", () => {
    const writer = new Writer();
    const value = new Uint8Array(900_000);
    for (let i = 0; i < 7; i++) writer.put(`key-${i}`, "", { value });
    expect(writer.engine.apply()).to.equal(true);
    expect(writer.engine.waiting).to.equal(2);
    writer.engine.commit();
    writer.run();
    expect(writer.data.commits).to.equal(2);
  });

  it("sees the writes of its own batch", () => {
    const writer = new Writer();
    writer.put("cart", "a");
    writer.put("cart", "b");
    writer.run();
    const row = writer.data.read(keyNamed("cart").position)!;
    expect(decodeRecord(row.record).siblings).to.have.length(2);
  });

  it("touches hints.db only for what is kept for others", () => {
    const writer = new Writer();
    const before = writer.hints.commits;
    writer.put("mine", "a");
    writer.run();
    expect([writer.data.commits, writer.hints.commits - before]).to.deep.equal([1, 0]);
    writer.put("theirs", "b", { keptFor: [OWNER_A] });
    writer.run();
    expect([writer.data.commits, writer.hints.commits - before]).to.deep.equal([1, 1]);
    expect(writer.hints.read(keyNamed("theirs").position)!.keptFor).to.deep.equal([OWNER_A]);
  });

  for (const at of ["begin", "read", "write", "commit"] as const) {
    it(`acknowledges nothing of a batch whose ${at} fails, and mints the actor anew`, () => {
      const writer = new Writer();
      writer.put("cart", "before");
      const [before] = dotsOf(writer.run());
      writer.put("cart", "a");
      writer.put("other", "b");
      writer.data.failNext = { at, failure: full() };
      const replies = writer.run();
      expect(runsOf(replies)).to.deep.equal([
        { firstCall: 1, count: 2, result: { ok: false, code: "read_only", message: "no space left" } },
      ]);
      expect(writer.data.count()).to.equal(1);
      writer.put("cart", "c");
      const [after] = dotsOf(writer.run());
      expect(after!.slice(0, 16)).to.not.equal(before!.slice(0, 16));
      expect(after).to.match(/#1:1$/);
    });
  }

  it("reports a batch of both databases as failed where the second commit fails", () => {
    const writer = new Writer();
    writer.put("mine", "", { tombstone: true });
    writer.put("theirs", "b", { keptFor: [OWNER_A] });
    writer.hints.failNext = { at: "commit", failure: new DatabaseFailure("io_error", "bad sector") };
    const replies = writer.run();
    expect(runsOf(replies)[0]).to.deep.include({
      count: 2,
      result: { ok: false, code: "storage_failed", message: "bad sector" },
    });
    expect([writer.data.count(), writer.hints.count()]).to.deep.equal([1, 0]);
    expect(rowsAdded(replies), "what was kept is counted").to.deep.equal([{ ...noRows, data: 1 }]);
    const [settled] = replies.filter((reply) => reply.kind === "settled");
    expect(settled?.batch.tombstones).to.deep.equal({ count: 1, inDoubt: false });
    expect(writer.data.identity()!.tombstones).to.deep.equal({ count: 1, inDoubt: false });
  });

  it("refuses one write of a batch without harm to its neighbours", () => {
    const writer = new Writer();
    writer.put("a", "1");
    writer.send({ kind: "store", incoming: { ...keyNamed("b"), record: new Uint8Array([1]), keptFor: [] } });
    writer.put("c", "3");
    expect(runsOf(writer.run()).map(({ result }) => (result.ok ? "ok" : result.code))).to.deep.equal([
      "ok",
      "invalid_record",
      "ok",
    ]);
    expect(writer.data.count()).to.equal(2);
  });

  it("counts the owners that rows are newly kept for, each row once an owner", () => {
    const writer = new Writer();
    writer.put("a", "1", { keptFor: [OWNER_A] });
    writer.put("b", "1", { keptFor: [OWNER_A] });
    writer.put("a", "2", { keptFor: [OWNER_A] });
    const settled = writer.run().find((reply) => reply.kind === "settled");
    expect(settled?.kind === "settled" && settled.batch.rowsAdded.hintsByOwner).to.deep.equal(
      new Map([[OWNER_A, 2]]),
    );
  });

  it("forgets a hint in the order of its batch, and counts down what it counted up", () => {
    const writer = new Writer();
    writer.put("a", "1", { keptFor: [OWNER_A, OWNER_B] });
    writer.run();
    const { position, digest } = writer.hints.read(keyNamed("a").position)!;
    const forgetFor = (owner: typeof OWNER_A) =>
      writer.send({ kind: "forget", hint: { position, digest, owner } });
    forgetFor(OWNER_A);
    expect(rowsAdded(writer.run())).to.deep.equal([
      { data: 0, hints: 0, markers: 0, hintsByOwner: new Map([[OWNER_A, -1]]) },
    ]);
    expect(writer.hints.read(position)!.keptFor).to.deep.equal([OWNER_B]);
    writer.put("a", "2", { keptFor: [OWNER_B] });
    forgetFor(OWNER_B);
    expect(rowsAdded(writer.run())).to.deep.equal([
      { data: 0, hints: 0, markers: 0, hintsByOwner: new Map() },
    ]);
    expect(writer.hints.count(), "it changed before it was forgotten").to.equal(1);
    const changed = writer.hints.read(position)!;
    writer.send({ kind: "forget", hint: { position, digest: changed.digest, owner: OWNER_B } });
    expect(rowsAdded(writer.run())).to.deep.equal([
      { data: 0, hints: -1, markers: 0, hintsByOwner: new Map([[OWNER_B, -1]]) },
    ]);
    expect(writer.hints.count()).to.equal(0);
  });

  it("keeps a marker once for each owner, and counts it apart", () => {
    const writer = new Writer();
    const { position } = keyNamed("a");
    const mark = (...owners: (typeof OWNER_A)[]) => {
      writer.send({ kind: "mark", missed: { position, owners } });
      return rowsAdded(writer.run());
    };
    expect(mark(OWNER_A)).to.deep.equal([
      { data: 0, hints: 1, markers: 1, hintsByOwner: new Map([[OWNER_A, 1]]) },
    ]);
    const { commits } = writer.hints;
    expect(mark(OWNER_A)[0]).to.deep.include({ hints: 0, markers: 0, hintsByOwner: new Map() });
    expect(mark(OWNER_B)[0]).to.deep.include({ hints: 0, markers: 0, hintsByOwner: new Map([[OWNER_B, 1]]) });
    expect(writer.hints.commits).to.equal(commits + 2);
    expect(writer.hints.read(position)).to.deep.include({
      record: new Uint8Array(0),
      keptFor: [OWNER_A, OWNER_B],
    });
  });

  it("gives a marker's owners the copy that comes to lie there, and marks beside a copy", () => {
    const writer = new Writer();
    const { position } = keyNamed("a");
    writer.send({ kind: "mark", missed: { position, owners: [OWNER_B] } });
    writer.put("a", "1", { keptFor: [OWNER_A] });
    expect(rowsAdded(writer.run())).to.deep.equal([
      {
        data: 0,
        hints: 1,
        markers: 0,
        hintsByOwner: new Map([
          [OWNER_B, 1],
          [OWNER_A, 1],
        ]),
      },
    ]);
    writer.put("b", "1", { keptFor: [OWNER_A] });
    writer.send({ kind: "mark", missed: { position: keyNamed("b").position, owners: [OWNER_B] } });
    writer.run();
    for (const name of ["a", "b"]) {
      const row = writer.hints.read(keyNamed(name).position)!;
      expect(row.keptFor).to.deep.equal([OWNER_A, OWNER_B]);
      expect(decodeRecord(row.record).siblings).to.have.length(1);
    }
    expect(writer.hints.read(position)!.record.length).to.be.greaterThan(0);
  });

  it("refuses new hints at the limit, drops none, and goes on once there is room", () => {
    const writer = new Writer(undefined, undefined, 4_000);
    const codes = () => runsOf(writer.run()).map(({ result }) => (result.ok ? "ok" : result.code));
    writer.put("a", "x".repeat(1_500), { keptFor: [OWNER_A] });
    writer.put("b", "x".repeat(1_500), { keptFor: [OWNER_A] });
    expect(codes(), "room for one more byte than it has").to.deep.equal(["ok"]);
    writer.put("c", "x".repeat(1_500), { keptFor: [OWNER_A] });
    writer.put("own", "x".repeat(5_000));
    writer.put("a", "y".repeat(1_500), { keptFor: [OWNER_A] });
    writer.send({ kind: "mark", missed: { position: keyNamed("m").position, owners: [OWNER_B] } });
    expect(codes(), "no room to merge either; what is its own is no matter").to.deep.equal([
      "hints_full",
      "ok",
      "hints_full",
      "ok",
    ]);
    expect(writer.hints.count()).to.equal(3);
    const { position, digest } = writer.hints.read(keyNamed("a").position)!;
    writer.send({ kind: "forget", hint: { position, digest, owner: OWNER_A } });
    writer.put("c", "x".repeat(1_500), { keptFor: [OWNER_A] });
    expect(codes()).to.deep.equal(["ok"]);
  });

  it("takes again what it keeps already, also at the limit: a retry must be acknowledged", () => {
    const writer = new Writer(undefined, undefined, 2_500);
    writer.put("a", "x".repeat(2_000), { keptFor: [OWNER_A] });
    writer.run();
    const { position, record } = writer.hints.read(keyNamed("a").position)!;
    writer.send({ kind: "store", incoming: { position, record, keptFor: [OWNER_A] } });
    expect(runsOf(writer.run())[0]!.result.ok).to.equal(true);
  });

  it("reports what it refused and what is in use", () => {
    const writer = new Writer(undefined, undefined, 1_000);
    writer.put("a", "x".repeat(500), { keptFor: [OWNER_A] });
    writer.put("b", "x".repeat(500), { keptFor: [OWNER_A] });
    const [settled] = writer.run().filter((reply) => reply.kind === "settled");
    expect(settled).to.have.property("batch").that.includes({ hintsRefused: 1 });
    expect(settled).to.have.nested.property("batch.hintBytes").that.is.greaterThan(500);
    writer.put("own", "x");
    const [own] = writer.run().filter((reply) => reply.kind === "settled");
    expect(own).to.have.property("batch").that.includes({ hintsRefused: 0, hintBytes: undefined });
  });

  it("forgets a marker only if this node's own record is still the one that was delivered", () => {
    const writer = new Writer();
    const { position } = keyNamed("a");
    writer.put("a", "1");
    writer.send({ kind: "mark", missed: { position, owners: [OWNER_A] } });
    writer.run();
    const { digest } = writer.data.read(position)!;
    writer.put("a", "2");
    writer.send({ kind: "forget", hint: { position, digest, owner: OWNER_A } });
    writer.run();
    expect(writer.hints.count(), "it changed before it was forgotten").to.equal(1);
    const now = writer.data.read(position)!.digest;
    writer.send({ kind: "forget", hint: { position, digest: now, owner: OWNER_A } });
    expect(rowsAdded(writer.run())).to.deep.equal([
      { data: 0, hints: -1, markers: -1, hintsByOwner: new Map([[OWNER_A, -1]]) },
    ]);
  });

  it("counts the owners of a row that rotted once, however it is replaced", () => {
    const writer = new Writer();
    writer.put("a", "1", { keptFor: [OWNER_A] });
    writer.run();
    writer.hints.plant({ ...writer.hints.read(keyNamed("a").position)!, digest: new Uint8Array(16) });
    writer.put("a", "2", { keptFor: [OWNER_A] });
    expect(rowsAdded(writer.run())).to.deep.equal([
      { data: 0, hints: 0, markers: 0, hintsByOwner: new Map() },
    ]);
  });

  it("counts new rows and corrupt ones", () => {
    const writer = new Writer();
    writer.put("a", "1");
    writer.run();
    const row = writer.data.read(keyNamed("a").position) as StoredRow;
    writer.data.plant({ ...row, digest: new Uint8Array(16) });
    writer.put("a", "2");
    writer.put("b", "3");
    const settled = writer.run().find((reply) => reply.kind === "settled");
    expect(settled)
      .to.have.property("batch")
      .that.deep.includes({
        writes: 2,
        rowsAdded: { data: 1, hints: 0, markers: 0, hintsByOwner: new Map() },
        dataRowsCorrupt: 1,
      });
  });

  it("says where data.db stands, and moves on with commits to it alone", () => {
    const writer = new Writer();
    const sequenceAfter = (run: () => void): number => {
      run();
      const [settled] = writer.run().filter((reply) => reply.kind === "settled");
      return settled!.kind === "settled" ? settled!.batch.at.sequence : -1;
    };
    expect(sequenceAfter(() => writer.put("a", "1"))).to.equal(1);
    expect(sequenceAfter(() => writer.put("a", "2", { keptFor: [OWNER_A] }))).to.equal(1);
    const { position, record } = writer.data.read(keyNamed("a").position)!;
    const known = { position, record, keptFor: [] };
    expect(sequenceAfter(() => writer.send({ kind: "store", incoming: known }))).to.equal(1);
    writer.data.failNext = { at: "commit", failure: full() };
    expect(sequenceAfter(() => writer.put("b", "3"))).to.equal(1);
    expect(sequenceAfter(() => writer.put("b", "3"))).to.equal(2);
    expect(writer.data.identity()!.sequence).to.equal(2);
    const { storeId } = writer.data.identity()!;
    const identity = { storeId, lostStores: ["00000000000000aa"], recovering: true };
    expect(sequenceAfter(() => writer.send({ kind: "identity", identity }))).to.equal(3);
    expect(writer.data.identity()).to.deep.include({ ...identity, sequence: 3 });
  });

  it("does not swallow an error that is not the disk's", () => {
    const writer = new Writer();
    writer.put("a", "1");
    writer.data.failNext = { at: "write", failure: new TypeError("a bug") as never };
    expect(() => writer.engine.apply()).to.throw(TypeError, "a bug");
  });
});
