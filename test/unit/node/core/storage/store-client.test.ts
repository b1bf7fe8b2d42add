import { noTombstones } from "../../../../../node/core/ports/tombstone-store.ts";
import { decodeWrites } from "../../../../../node/core/storage/write-codec.ts";
import { encodeMerged, encodeSettled } from "../../../../../node/core/storage/write-reply-codec.ts";
import { decodeHintQuery, encodeHints } from "../../../../../node/core/storage/hint-codec.ts";
import type { HintQuery } from "../../../../../node/core/ports/hint-store.ts";
import { keyNamed, OWNER_A, writeOf } from "./sample-writes.ts";
import { decodeQueries, encodeAnswers, READER_MESSAGE } from "../../../../../node/core/storage/read-codec.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import { expect } from "chai";
import { parseActorId } from "../../../../../node/core/version/dot.ts";
import { PipePair } from "./pipe-pair.ts";
import type { Stored } from "../../../../../node/core/ports/replica-store.ts";
import { StoreClient } from "../../../../../node/core/storage/store-client.ts";

const batch = {
  writes: 1,
  bytes: 10,
  durationMs: 2,
  rowsAdded: { data: 1, hints: 0, markers: 0, hintsByOwner: new Map<string, number>() },
  rowsCounted: { data: undefined, hints: undefined },
  rowsDisplaced: { data: undefined, hints: undefined },
  dataRowsCorrupt: 0,
  hintRowsCorrupt: 0,
  areRowsRestored: false,
  hintsRefused: 0,
  hintBytes: undefined,
  tombstones: noTombstones,
  failure: undefined,
  at: { storeId: "00000000000000aa", runId: "00000000000000bb", sequence: 7 },
};

const kept = { ok: true, at: batch.at } as const;

class Rig {
  readonly writer = new PipePair();
  readonly readers = [new PipePair(), new PipePair()];
  readonly events: CoreEvent[] = [];
  readonly writes: ReturnType<typeof decodeWrites>[] = [];
  readonly queries: number[][] = [[], []];
  readonly hintQueries: HintQuery[] = [];
  readonly client: StoreClient;
  nowMs = 0;
  #soon: (() => void)[] = [];

  constructor() {
    this.client = new StoreClient({
      writer: this.writer.near,
      readers: this.readers.map(({ near }) => near),
      clock: { monotonicMs: () => this.nowMs, wallMs: () => 0 },
      timers: { after: () => () => undefined, soon: (run) => void this.#soon.push(run) },
      observer: { event: (event) => void this.events.push(event) },
      opened: {
        ...batch.at,
        sequence: 6,
        lostStores: [],
        recovering: false,
        isNew: false,
        hintsLost: undefined,
      },
      limits: {
        writes: { writesMax: 4, bytesMax: 10_000, messagesMax: 2 },
        reads: { queriesMax: 4, messagesPerReaderMax: 1, bulkWaitMsMax: 30_000 },
      },
    });
    this.writer.far.onMessage((message) => this.writes.push(decodeWrites(message)));
    this.readers.forEach(({ far }, i) => {
      far.onMessage((message) => {
        if (message[0] === READER_MESSAGE.hints) this.hintQueries.push(decodeHintQuery(message));
        else this.queries[i]!.push(decodeQueries(message).length);
      });
    });
  }

  /** The end of a tick: what was gathered leaves, and arrives. */
  tick(): void {
    for (const run of this.#soon.splice(0)) run();
    this.writer.far.deliver();
    for (const { far } of this.readers) far.deliver();
  }

  settle(firstCall: number, count: number, result: Stored = { ok: true }, facts = batch): void {
    this.writer.far.post(encodeSettled(facts, [{ firstCall, count, result }]));
    this.writer.near.deliver();
  }

  answer(reader: number, count: number): void {
    const reads = Array.from({ length: count }, () => ({ status: "not_found" }) as const);
    this.readers[reader]!.far.post(encodeAnswers({ dataRowsCorrupt: 0, hintRowsCorrupt: 0, reads }));
    this.readers[reader]!.near.deliver();
  }

  read() {
    return this.client.read({ ...keyNamed("cart"), want: "record" });
  }
}

describe("StoreClient", () => {
  let rig: Rig;

  beforeEach(() => {
    rig = new Rig();
  });

  it("sends the writes of a tick in one message and matches both waves of answers", async () => {
    const first = rig.client.coordinate(writeOf("a", "1"));
    const second = rig.client.coordinate(writeOf("b", "2"));
    rig.tick();
    expect(rig.writes.map(({ commands }) => commands.length)).to.deep.equal([2]);
    const dot = { actor: parseActorId("00000000000000aa#1"), n: 1 };
    const record = new Uint8Array([7]);
    rig.writer.far.post(encodeMerged([{ call: 1, result: { ok: true, dot, record } }]));
    rig.writer.near.deliver();
    expect(await second.merged).to.deep.equal({ ok: true, dot, record });
    rig.settle(0, 2);
    expect([await first.durable, await second.durable]).to.deep.equal([kept, kept]);
  });

  it("gathers while two messages are unanswered, and sends the gathered as one", () => {
    for (let i = 0; i < 4; i++) {
      void rig.client.coordinate(writeOf("a", `${i}`));
      rig.tick();
    }
    expect(rig.writes.map(({ commands }) => commands.length)).to.deep.equal([1, 1]);
    rig.settle(0, 1);
    rig.tick();
    expect(rig.writes.map(({ firstCall, commands }) => [firstCall, commands.length])).to.deep.equal([
      [0, 1],
      [1, 1],
      [2, 2],
    ]);
  });

  it("refuses writes beyond its bounds as overloaded, without sending them", async () => {
    for (let i = 0; i < 4; i++) void rig.client.coordinate(writeOf("a", `${i}`));
    const { merged, durable } = rig.client.coordinate(writeOf("a", "one more"));
    expect(await merged).to.include({ ok: false, code: "overloaded" });
    expect(await durable).to.include({ ok: false, code: "overloaded" });
    rig.tick();
    expect(rig.writes[0]!.commands).to.have.length(4);
    rig.settle(0, 4);
    const alone = rig.client.coordinate(writeOf("a", "x".repeat(10_000)));
    const behind = rig.client.coordinate(writeOf("a", "x".repeat(10_000)));
    expect(await behind.durable, "a second one beyond the bound").to.include({ code: "overloaded" });
    rig.tick();
    rig.settle(4, 1);
    expect(await alone.durable, "whatever its size, one is taken").to.deep.equal(kept);
  });

  it("answers both waves of a batch that failed before its records were merged", async () => {
    const { merged, durable } = rig.client.coordinate(writeOf("a", "1"));
    rig.tick();
    const failed = { ok: false, code: "read_only", message: "no space" } as const;
    rig.settle(0, 1, failed, { ...batch, failure: { code: "disk_full", message: "no space" } } as never);
    expect([await merged, await durable]).to.deep.equal([failed, failed]);
    expect(rig.events).to.deep.equal([{ kind: "commit_failed", code: "disk_full", message: "no space" }]);
  });

  it("tells the age of the oldest unanswered write", () => {
    expect(rig.client.oldestWriteAgeMs()).to.equal(0);
    void rig.client.coordinate(writeOf("a", "1"));
    rig.nowMs = 30;
    void rig.client.coordinate(writeOf("b", "2"));
    rig.nowMs = 40;
    expect(rig.client.oldestWriteAgeMs()).to.equal(40);
    rig.tick();
    rig.settle(0, 1);
    expect(rig.client.oldestWriteAgeMs()).to.equal(10);
  });

  it("refuses writes with the given reason until it is taken back, and goes on reading", async () => {
    rig.client.refuseWrites({ ok: false, code: "read_only", message: "the disk is full" });
    const refused = await rig.client.store({ ...keyNamed("a"), record: new Uint8Array(1), keptFor: [] });
    expect(refused).to.deep.equal({ ok: false, code: "read_only", message: "the disk is full" });
    const read = rig.read();
    rig.tick();
    rig.answer(0, 1);
    expect(await read).to.deep.equal({ status: "not_found" });
    rig.client.refuseWrites(undefined);
    const stored = rig.client.store({ ...keyNamed("a"), record: new Uint8Array(1), keptFor: [] });
    rig.tick();
    rig.settle(0, 1);
    expect(await stored).to.deep.equal(kept);
  });

  it("keeps what the node knows of its losses while the disk is too full", async () => {
    rig.client.refuseWrites({ ok: false, code: "read_only", message: "the disk is full" });
    const keeping = rig.client.keepIdentity({
      storeId: "00000000000000ff",
      lostStores: [],
      recovering: true,
    });
    rig.tick();
    rig.settle(0, 1);
    expect(await keeping).to.deep.equal(kept);
  });

  it("lets hints be struck off while the disk is too full, but nothing once it shuts down", async () => {
    const { position } = keyNamed("a");
    const forget = () => rig.client.forgetHint({ position, digest: new Uint8Array(16), owner: OWNER_A });
    const mend = () => rig.client.mendHint({ position, owner: OWNER_A });
    const readOnly = { ok: false, code: "read_only", message: "the disk is full" } as const;
    rig.client.refuseWrites(readOnly);
    const freeing = [forget(), mend()];
    expect(await rig.client.mark({ position, owners: [OWNER_A] })).to.deep.equal(readOnly);
    rig.tick();
    rig.settle(0, 2);
    expect(await Promise.all(freeing)).to.deep.equal([kept, kept]);
    const stopping = { ok: false, code: "storage_failed", message: "shutting down" } as const;
    rig.client.refuseWrites(stopping);
    expect(await Promise.all([forget(), mend()])).to.deep.equal([stopping, stopping]);
  });

  it("gives each tick's reads to the idlest reader, and gathers while all are busy", async () => {
    const reads = [rig.read(), rig.read()];
    rig.tick();
    reads.push(rig.read());
    rig.tick();
    expect(rig.queries).to.deep.equal([[2], [1]]);
    reads.push(rig.read());
    rig.tick();
    expect(rig.queries).to.deep.equal([[2], [1]]);
    expect(await rig.read()).to.include({ status: "failed" });
    rig.answer(1, 1);
    rig.tick();
    expect(rig.queries).to.deep.equal([[2], [1, 1]]);
    rig.answer(0, 2);
    rig.answer(1, 1);
    expect(await Promise.all(reads)).to.deep.equal(reads.map(() => ({ status: "not_found" })));
    expect(rig.client.pending).to.equal(0);
  });

  it("asks for hints in a message of its own, after the queries, and counts it as pending", async () => {
    const read = rig.read();
    const query = { owner: OWNER_A, after: undefined, limits: { rows: 2, bytes: 100 } };
    const asked = rig.client.hintsFor(query);
    rig.tick();
    expect([rig.queries, rig.hintQueries]).to.deep.equal([[[1], []], [query]]);
    expect(rig.client.pending).to.equal(2);
    const answer = { status: "read", hints: [], rotten: [], next: undefined } as const;
    rig.readers[1]!.far.post(encodeHints({ dataRowsCorrupt: 0, hintRowsCorrupt: 1, batch: answer }));
    rig.readers[1]!.near.deliver();
    rig.answer(0, 1);
    expect([await asked, await read]).to.deep.equal([answer, { status: "not_found" }]);
    expect(rig.events).to.deep.equal([{ kind: "row_corrupt", database: "hints" }]);
    expect(rig.client.pending).to.equal(0);
    const unanswered = [rig.client.hintsFor(query), rig.client.hintsFor(query)];
    rig.tick();
    unanswered.push(rig.client.hintsFor(query));
    rig.client.fail("the reader crashed");
    const failed = { status: "failed", message: "the reader crashed" };
    expect(await Promise.all(unanswered)).to.deep.equal([failed, failed, failed]);
  });

  it("reports batches and counts rows", () => {
    void rig.client.coordinate(writeOf("a", "1"));
    rig.tick();
    rig.settle(0, 1, { ok: true }, { ...batch, dataRowsCorrupt: 1 });
    expect(rig.events).to.deep.equal([
      { kind: "row_corrupt", database: "data" },
      { kind: "batch_committed", writes: 1, bytes: 10, durationMs: 2 },
    ]);
    expect(rig.client.rows()).to.deep.equal({ data: 1, hints: 0, markers: 0, hintsByOwner: new Map() });
  });

  it("answers everything that is unanswered when the storage threads are gone", async () => {
    const { merged, durable } = rig.client.coordinate(writeOf("a", "1"));
    const read = rig.read();
    rig.tick();
    const late = rig.read();
    const unsent = rig.client.coordinate(writeOf("b", "1"));
    rig.client.fail("the writer crashed");
    expect(await merged).to.include({ code: "storage_lost", message: "the writer crashed" });
    expect(await durable).to.include({ code: "storage_lost" });
    expect(await unsent.merged, "never left this thread").to.include({ code: "storage_failed" });
    const failed = { status: "failed", message: "the writer crashed" };
    expect([await read, await late]).to.deep.equal([failed, failed]);
    rig.settle(0, 1);
    expect(await rig.client.coordinate(writeOf("a", "2")).durable).to.include({ code: "storage_failed" });
  });
});
