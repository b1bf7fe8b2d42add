import {
  commandBytes,
  decodeWrites,
  encodeWrites,
  type WriteCommand,
} from "../../../../../node/core/storage/write-codec.ts";
import {
  decodeWriterReply,
  encodeMerged,
  encodeSettled,
} from "../../../../../node/core/storage/write-reply-codec.ts";
import { keyNamed, OWNER_A, OWNER_B, writeOf } from "./sample-writes.ts";
import { expect } from "chai";
import fc from "fast-check";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { sealedRow } from "../seal/arbitrary-sealed-row.ts";
import { parseActorId } from "../../../../../node/core/version/dot.ts";

const bytes = fc.uint8Array({ maxLength: 300 });
const owners = fc.subarray([OWNER_A, OWNER_B]);
const position = fc.uint8Array({ minLength: 16, maxLength: 16 });

const coordinate: fc.Arbitrary<WriteCommand> = fc
  .record({
    position,
    bucket: bytes,
    key: bytes,
    seen: bytes,
    tombstone: fc.boolean(),
    value: bytes,
    contentType: fc.string({ unit: "grapheme" }),
    modifiedMs: fc.maxSafeNat(),
    requestId: fc.string({ unit: "grapheme" }),
    keptFor: owners,
  })
  .map((write) => ({ kind: "coordinate", write }));
const store: fc.Arbitrary<WriteCommand> = fc
  .record({ position, record: bytes, keptFor: owners })
  .map((incoming) => ({ kind: "store", incoming }));

const mark: fc.Arbitrary<WriteCommand> = fc
  .record({ position, owners })
  .map((missed) => ({ kind: "mark", missed }));
const id = fc.stringMatching(/^[0-9a-f]{16}$/);
const identity: fc.Arbitrary<WriteCommand> = fc
  .record({ storeId: id, lostStores: fc.array(id, { maxLength: 4 }), recovering: fc.boolean() })
  .map((kept) => ({ kind: "identity", identity: kept }));

const count = fc.constant<WriteCommand>({ kind: "count_tombstones" });
const reread = fc.nat(2 ** 18 - 1).map((leaf): WriteCommand => ({ kind: "reread", leaf }));
const digest = fc.uint8Array({ minLength: 16, maxLength: 16 });
const isUnread = fc.constant(true as const);
const dropped = fc.oneof(fc.record({ position, digest }), fc.record({ position, digest, isUnread }));
const drop = fc.array(dropped, { maxLength: 5 }).map((rows): WriteCommand => ({ kind: "drop", rows }));
const rows = fc.array(sealedRow, { maxLength: 5 });
const since = fc.option(fc.record({ life: id, at: fc.nat() }), { nil: undefined });
const seal = fc.oneof(
  rows.map((sealed): WriteCommand => ({ kind: "seal", rows: sealed })),
  fc.record({ rows, since }).map((asked): WriteCommand => ({ kind: "ask_sealed", question: asked })),
);

describe("encodeWrites", () => {
  it("gives back what decodeWrites is given, in messages of the announced size", () => {
    const commands = fc.array(fc.oneof(coordinate, store, mark, identity, count, reread, drop, seal), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(fc.maxSafeNat(), commands, (firstCall, list) => {
        const size = list.reduce((sum, command) => sum + commandBytes(command), 0);
        const message = encodeWrites(firstCall, list, size);
        expect(message.buffer.byteLength, "the buffer never grew").to.equal(16 + size);
        expect(decodeWrites(message)).to.deep.equal({ firstCall, commands: list });
      }),
    );
  });

  it("copies values, so that the message can be given away", () => {
    const command: WriteCommand = { kind: "coordinate", write: writeOf("cart", "value") };
    const message = encodeWrites(0, [command], commandBytes(command));
    expect(message.buffer).to.not.equal(command.write.value.buffer);
  });

  it("refuses messages that are cut short", () => {
    const command: WriteCommand = {
      kind: "store",
      incoming: { ...keyNamed("cart"), record: new Uint8Array(9), keptFor: [] },
    };
    const message = encodeWrites(0, [command], commandBytes(command));
    expect(() => decodeWrites(message.subarray(0, message.length - 1))).to.throw(MalformedBytes);
  });
});

describe("the writer's replies", () => {
  const failed = { ok: false, code: "too_many_siblings", message: "101 siblings" } as const;

  it("survive the pipe as merged records and refusals", () => {
    const dot = { actor: parseActorId("00000000000000aa#3"), n: 7 };
    const merged = [
      { call: 5, result: { ok: true, dot, record: new Uint8Array([1, 2, 3]) } as const },
      { call: 6, result: failed },
    ];
    expect(decodeWriterReply(encodeMerged(merged))).to.deep.equal({ kind: "merged", merged });
  });

  it("survive the pipe as runs of settled writes with the facts of their batch", () => {
    const batch = {
      writes: 9,
      bytes: 1_000,
      durationMs: 1.25,
      rowsAdded: { data: 3, hints: -1, markers: -2, hintsByOwner: new Map([["owner", -2]]) },
      rowsCounted: {
        data: 0,
        hints: { hints: 4, markers: 1, hintsByOwner: new Map([["owner", 4]]) },
      },
      rowsDisplaced: { data: 0, hints: undefined },
      dataRowsCorrupt: 1,
      hintRowsCorrupt: 2,
      areRowsRestored: true,
      hintsRefused: 3,
      hintBytes: 5_000_000_000,
      tombstones: { count: 5_000_000_000, inDoubt: true },
      failure: { code: "disk_full", message: "no space" },
      at: { storeId: "00000000000000aa", runId: "00000000000000bb", sequence: 5_000_000_000 },
    };
    const runs = [
      { firstCall: 0, count: 8, result: { ok: true, at: batch.at } as const },
      { firstCall: 8, count: 1, result: failed },
    ];
    expect(decodeWriterReply(encodeSettled(batch, runs))).to.deep.equal({ kind: "settled", batch, runs });
    const rowsCounted = { data: undefined, hints: undefined };
    const fine = { ...batch, hintBytes: undefined, failure: undefined, rowsCounted };
    expect(decodeWriterReply(encodeSettled(fine, runs))).to.deep.equal({
      kind: "settled",
      batch: fine,
      runs,
    });
  });
});
