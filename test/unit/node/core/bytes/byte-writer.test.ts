import { expect } from "chai";
import fc from "fast-check";
import { ByteReader } from "../../../../../node/core/bytes/byte-reader.ts";
import { ByteWriter, varintBytes } from "../../../../../node/core/bytes/byte-writer.ts";

describe("ByteWriter", () => {
  it("writes what ByteReader reads back, from any first capacity", () => {
    const item = fc.oneof(
      fc.record({ kind: fc.constant("u8" as const), value: fc.nat({ max: 0xff }) }),
      fc.record({ kind: fc.constant("u32" as const), value: fc.nat({ max: 0xffff_ffff }) }),
      fc.record({ kind: fc.constant("varint" as const), value: fc.maxSafeNat() }),
      fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array() }),
      fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "binary" }) }),
    );
    fc.assert(
      fc.property(fc.array(item), fc.nat({ max: 64 }), (items, capacity) => {
        const writer = new ByteWriter(capacity);
        for (const { kind, value } of items) (writer[kind] as (value: unknown) => ByteWriter)(value);
        expect(writer.length).to.equal(writer.finish().length);
        const reader = new ByteReader(writer.finish());
        for (const { kind, value } of items) expect(reader[kind](1_000)).to.deep.equal(value);
        reader.end();
      }),
    );
  });

  it("writes integers big-endian and varints low bits first", () => {
    const bytes = new ByteWriter()
      .u32(0x01020304)
      .varint(300)
      .raw(new Uint8Array([9]))
      .text("é")
      .finish();
    expect([...bytes]).to.deep.equal([1, 2, 3, 4, 0xac, 0x02, 9, 2, 0xc3, 0xa9]);
  });

  it("refuses a varint that is negative, broken or beyond 2^53-1", () => {
    for (const wrong of [-1, 0.5, 127.5, 128.5, Number.NaN, Infinity, 2 ** 53]) {
      expect(() => new ByteWriter().varint(wrong), String(wrong)).to.throw(RangeError);
    }
  });

  it("knows how many bytes a varint takes", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(varintBytes(value)).to.equal(new ByteWriter().varint(value).length);
      }),
    );
  });

  it("shares its buffer with no other writer, so that its bytes can be transferred to another thread", () => {
    const first = new ByteWriter(16).u8(1).finish();
    const second = new ByteWriter(16).u8(2).finish();
    structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
    expect([...second]).to.deep.equal([2]);
  });
});
