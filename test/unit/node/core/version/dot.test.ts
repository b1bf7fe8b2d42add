import { expect } from "chai";
import fc from "fast-check";
import { ByteReader, MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { ByteWriter } from "../../../../../node/core/bytes/byte-writer.ts";
import { compareDots, type Dot, parseActorId, sameDot } from "../../../../../node/core/version/dot.ts";
import { readDot, writeDot } from "../../../../../node/core/version/dot-codec.ts";

const hex16 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => bits.toString(16).padStart(16, "0"));
const epochs = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 0xffff_ffff }));
const actors = fc.tuple(hex16, epochs).map(([database, epoch]) => parseActorId(`${database}#${epoch}`));
const dots: fc.Arbitrary<Dot> = fc.record({
  actor: actors,
  n: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
});

function encoded(dot: Dot): Uint8Array {
  const writer = new ByteWriter();
  writeDot(writer, dot);
  return writer.finish();
}

describe("dot", () => {
  it("comes back from its bytes, whatever was read before", () => {
    fc.assert(
      fc.property(fc.array(dots, { minLength: 1 }), (several) => {
        for (const dot of [...several, ...several])
          expect(readDot(new ByteReader(encoded(dot)))).to.deep.equal(dot);
      }),
    );
  });

  it("takes 10 bytes where epoch and counter are small", () => {
    expect(encoded({ actor: parseActorId("ffffffffffffffff#127"), n: 127 })).to.have.lengthOf(10);
  });

  it("is refused with counter 0, with an epoch beyond 32 bits, and cut short", () => {
    const database = () => new ByteWriter().u32(1).u32(2);
    for (const writer of [
      database().varint(1).varint(0),
      database()
        .varint(2 ** 32)
        .varint(1),
      database().varint(1),
    ]) {
      expect(() => readDot(new ByteReader(writer.finish()))).to.throw(MalformedBytes);
    }
  });

  it("has a total order: by the text of the actor, so that #10 comes before #9, then by the counter's size", () => {
    const at = (epoch: number, n: number): Dot => ({ actor: parseActorId(`00000000000000aa#${epoch}`), n });
    const ordered = [at(10, 2), at(10, 10), at(9, 1)];
    expect(ordered.toReversed().sort(compareDots)).to.deep.equal(ordered);
    fc.assert(
      fc.property(dots, dots, (left, right) => {
        expect(Math.sign(compareDots(left, right))).to.equal(-Math.sign(compareDots(right, left)) + 0);
        expect(compareDots(left, right) === 0).to.equal(sameDot(left, right));
      }),
    );
  });
});

describe("actor id", () => {
  it("is 16 lower-case hex digits and an epoch of at most 32 bits without leading zeros", () => {
    for (const sound of ["0123456789abcdef#0", "0123456789abcdef#4294967295"]) {
      expect(parseActorId(sound)).to.equal(sound);
    }
    for (const wrong of [
      "",
      "0123456789abcdef",
      "0123456789ABCDEF#1",
      "123456789abcdef#1",
      "0123456789abcdef#01",
    ]) {
      expect(() => parseActorId(wrong), wrong).to.throw(TypeError);
    }
    expect(() => parseActorId("0123456789abcdef#4294967296")).to.throw(TypeError);
  });
});
