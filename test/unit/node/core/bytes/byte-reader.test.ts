import { expect } from "chai";
import fc from "fast-check";
import { ByteReader, decodeUtf8, MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { ByteWriter } from "../../../../../node/core/bytes/byte-writer.ts";

const BYTES_MAX = 1_000;

function reading(...bytes: readonly number[]): ByteReader {
  return new ByteReader(new Uint8Array(bytes));
}

describe("ByteReader", () => {
  it("reads every varint from 0 to 2^53-1 back", () => {
    const edges = [
      0,
      127,
      128,
      16_383,
      16_384,
      2 ** 31,
      2 ** 32,
      2 ** 49 - 1,
      2 ** 49,
      Number.MAX_SAFE_INTEGER,
    ];
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat()), (value) => {
        const reader = new ByteReader(new ByteWriter(1).varint(value).finish());
        expect(reader.varint()).to.equal(value);
        reader.end();
      }),
    );
  });

  it("refuses a varint beyond 2^53-1, of nine bytes, with a needless byte, or cut short", () => {
    const seven = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    expect(reading(...seven, 0x0f).varint()).to.equal(Number.MAX_SAFE_INTEGER);
    expect(() => reading(...seven, 0x10).varint()).to.throw(MalformedBytes, "2^53-1");
    expect(() => reading(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10).varint()).to.throw(
      MalformedBytes,
      "2^53-1",
    );
    expect(() => reading(...seven, 0xff, 0x01).varint()).to.throw(MalformedBytes, "2^53-1");
    expect(() => reading(0x80, 0x00).varint()).to.throw(MalformedBytes, "needless");
    expect(() => reading(0x80).varint()).to.throw(MalformedBytes, "cut short");
    expect(() => reading().varint()).to.throw(MalformedBytes, "cut short");
  });

  it("reads texts of any length and script back, a byte order mark included", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 100 }),
      fc.string({ unit: "grapheme-ascii", maxLength: 100 }),
      fc.constantFrom(
        "\ufeff",
        "\ufeffa",
        "é".repeat(64),
        "a".repeat(64),
        "a".repeat(65),
        `${"a".repeat(63)}é`,
        "\0",
      ),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const reader = new ByteReader(new ByteWriter(1).text(text).finish());
        expect(reader.text(BYTES_MAX)).to.equal(text);
        reader.end();
      }),
    );
  });

  it("refuses text that is not UTF-8, wherever the wrong byte stands", () => {
    for (const length of [1, 7, 8, 9, 63, 64, 65]) {
      for (let at = 0; at < length; at++) {
        const bytes = new Uint8Array(length).fill(97);
        bytes[at] = 0xff;
        const written = new ByteWriter().bytes(bytes).finish();
        expect(() => new ByteReader(written).text(BYTES_MAX)).to.throw(MalformedBytes, "not UTF-8");
        expect(() => decodeUtf8(bytes)).to.throw(MalformedBytes, "not UTF-8");
      }
    }
  });

  it("refuses a byte string or text longer than the caller allows", () => {
    const written = new ByteWriter().bytes(new Uint8Array(5)).finish();
    expect(new ByteReader(written).bytes(5)).to.have.lengthOf(5);
    expect(() => new ByteReader(written).bytes(4)).to.throw(MalformedBytes, "of 5 bytes exceeds 4");
    expect(() => new ByteReader(written).text(4)).to.throw(MalformedBytes, "of 5 bytes exceeds 4");
  });

  it("never reads past its end, though the buffer goes on", () => {
    const buffer = new Uint8Array(100).fill(1);
    const reads: ((reader: ByteReader) => unknown)[] = [
      (reader) => reader.u32(),
      (reader) => reader.raw(4),
      (reader) => (reader.u8(), reader.u8(), reader.text(BYTES_MAX)),
      (reader) => (reader.u8(), reader.u8(), reader.u8(), reader.u8()),
    ];
    for (const read of reads)
      expect(() => read(new ByteReader(buffer, 10, 13))).to.throw(MalformedBytes, "cut short");
  });

  it("refuses bounds outside the buffer", () => {
    for (const [offset, end] of [
      [-1, 2],
      [0, 5],
      [3, 2],
      [Number.NaN, 2],
    ] as const) {
      expect(() => new ByteReader(new Uint8Array(4), offset, end)).to.throw(RangeError);
    }
  });

  it("refuses bytes that nobody read", () => {
    const reader = reading(1, 2);
    expect(reader.u8()).to.equal(1);
    expect([reader.offset, reader.remaining]).to.deep.equal([1, 1]);
    expect(() => reader.end()).to.throw(MalformedBytes, "1 bytes too many");
  });

  it("gives views, not copies", () => {
    const buffer = new Uint8Array([3, 1, 2, 3]);
    const view = new ByteReader(buffer).bytes(BYTES_MAX);
    buffer[1] = 9;
    expect([...view]).to.deep.equal([9, 2, 3]);
  });
});
