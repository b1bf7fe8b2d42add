import { expect } from "chai";
import fc from "fast-check";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import type { Lane } from "../../../../../node/core/ports/transport.ts";
import { FRAME, linkFrame } from "../../../../../node/core/wire/frame.ts";
import { FrameQueue } from "../../../../../node/core/wire/frame-queue.ts";
import { FrameReader } from "../../../../../node/core/wire/frame-reader.ts";
import { goldenFiles } from "../version/golden-files.ts";
import { RecordingSink } from "./recording-sink.ts";

const LIMIT = 1_000_000;

describe("frame reader", () => {
  it("finds the same messages however the stream is cut into chunks", () => {
    const lane = fc.constantFrom<Lane>("control", "foreground", "bulk");
    const size = fc.oneof(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 65_530, max: 65_545 }),
      fc.constant(200_000),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(lane, size), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const stream = streamOf(
            messages.map(([each, length], i) => [each, new Uint8Array(length).fill(i + 1)]),
          );
          const whole = new RecordingSink();
          new FrameReader(whole, LIMIT).push(stream);
          expect(whole.messages).to.have.length(messages.length);
          const cut = new RecordingSink();
          const reader = new FrameReader(cut, LIMIT);
          for (let at = 0, i = 0; at < stream.length; i++) {
            const length = cuts[i % cuts.length]!;
            reader.push(stream.slice(at, at + length));
            at += length;
          }
          expect(cut.said()).to.deep.equal(whole.said());
        },
      ),
      { numRuns: 60 },
    );
  });

  it("finds the same in a stream that arrives byte by byte", () => {
    const stream = Buffer.concat([
      linkFrame(FRAME.ping, Uint8Array.of(1)),
      streamOf([["foreground", Uint8Array.of(1, 2, 3)]]),
      linkFrame(FRAME.closing, Uint8Array.of(0x62, 0x79, 0x65)),
    ]);
    const sink = new RecordingSink();
    const reader = new FrameReader(sink, LIMIT);
    for (const byte of stream) reader.push(Uint8Array.of(byte));
    expect(sink.said()).to.deep.equal(["ping hex:01", "foreground hex:010203", "closing bye"]);
  });

  it("hands on a small message as a view of the chunk, without a copy", () => {
    const sink = new RecordingSink();
    const chunk = streamOf([["foreground", Uint8Array.of(1, 2, 3)]]);
    new FrameReader(sink, LIMIT).push(chunk);
    expect(sink.messages[0]?.bytes.buffer).to.equal(chunk.buffer);
  });

  it("refuses what breaks the format or a bound", () => {
    for (const [hex, complaint] of [
      ["02000000", "empty frame"],
      ["02010001", "frame of 65537 bytes"],
      ["04000001ff", "unknown frame type 0x4"],
      ["00000001ff", "unknown frame type 0x0"],
      ["31000001ff", "unknown frame type 0x31"],
      ["120000080000000100000009", "first fragment without bytes"],
      ["1200000900000001000f4241ff", "message of 1000001 bytes exceeds the limit of 1000000"],
      ["120000090000000100000000ff", "message 1 exceeds its announced length"],
      ["120000090000000100000009ff120000090000000100000009ff", "message 1 begins twice"],
      ["120000090000000100000002ff2200000600000001ffff", "message 1 exceeds its announced length"],
      ["2200000400000001", "fragment without bytes"],
      ["2200000500000001ff", "fragment of unknown message 1"],
      ["4100004100".repeat(65), "ping of 65 bytes"],
      ["43000001ff", "text is not UTF-8"],
    ] as const) {
      const reader = new FrameReader(new RecordingSink(), LIMIT);
      expect(() => reader.push(Buffer.from(hex, "hex")), hex).to.throw(MalformedBytes, complaint);
    }
  });

  it("bounds unfinished messages in number and in bytes together", () => {
    const first = (number: number, total: number): Uint8Array => {
      const payload = Buffer.alloc(9);
      payload.writeUInt32BE(number, 0);
      payload.writeUInt32BE(total, 4);
      return linkFrame(FRAME.first | 2, payload);
    };
    const many = new FrameReader(new RecordingSink(), LIMIT);
    for (let i = 0; i < 16; i++) many.push(first(i, 1_000));
    expect(() => many.push(first(16, 1_000))).to.throw(MalformedBytes, "too many unfinished messages");
    const large = new FrameReader(new RecordingSink(), LIMIT);
    large.push(first(1, 600_000));
    expect(() => large.push(first(2, 600_000))).to.throw(MalformedBytes, "exceeds the limit");
  });

  it("skips frame types from 0x80 on, which a later release may send", () => {
    const sink = new RecordingSink();
    new FrameReader(sink, LIMIT).push(Buffer.from("80000002ffff0200000107", "hex"));
    expect(sink.said()).to.deep.equal(["foreground hex:07"]);
  });

  it("delivers nothing after it was stopped, not even the rest of the chunk", () => {
    const sink = new RecordingSink();
    const reader: FrameReader = new FrameReader(sink, LIMIT);
    sink.onMessage = () => reader.stop();
    reader.push(
      streamOf([
        ["foreground", Uint8Array.of(1)],
        ["foreground", Uint8Array.of(2)],
      ]),
    );
    reader.push(streamOf([["foreground", Uint8Array.of(3)]]));
    expect(sink.said()).to.deep.equal(["foreground hex:01"]);
  });

  for (const { name, bytes, meaning } of goldenFiles<{ about: string; says: string[] }>("frames")) {
    it(`reads ${name}: ${meaning.about}`, () => {
      const sink = new RecordingSink();
      new FrameReader(sink, LIMIT).push(bytes);
      expect(sink.said()).to.deep.equal(meaning.says);
    });
  }
});

/** The stream that a queue makes of messages, all offered before the first is taken. */
function streamOf(messages: readonly (readonly [Lane, Uint8Array])[]): Uint8Array {
  const limits = { windowBytes: 1e9, controlWindowBytes: 1e9, messageBytesMax: LIMIT };
  const queue = new FrameQueue(limits, (length) => new Uint8Array(length));
  for (const [lane, bytes] of messages) queue.offer(bytes, lane);
  const pieces: Uint8Array[] = [];
  for (let round = queue.take(); round.length > 0; round = queue.take()) pieces.push(...round);
  return new Uint8Array(Buffer.concat(pieces));
}
