import { expect } from "chai";
import fc from "fast-check";
import { CryptoRandom } from "../../../../node/adapters/crypto-random.ts";
import { InvariantBroken } from "../../../../node/core/invariant.ts";

describe("crypto random", () => {
  it("gives as many bytes as asked for, never the same ones twice", () => {
    const random = new CryptoRandom();
    const seen = new Set<string>();
    for (let i = 0; i < 2_000; i++) seen.add(Buffer.from(random.bytes(12)).toString("hex"));
    expect(seen.size).to.equal(2_000);
    for (const length of [0, 1, 1_024, 1_025, 100_000]) expect(random.bytes(length)).to.have.length(length);
  });

  it("gives bytes that later calls do not change", () => {
    const random = new CryptoRandom();
    const kept = random.bytes(16);
    const before = Buffer.from(kept).toString("hex");
    for (let i = 0; i < 1_000; i++) random.bytes(16);
    expect(Buffer.from(kept).toString("hex")).to.equal(before);
  });

  it("stays below every limit", () => {
    const random = new CryptoRandom();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), (limit) => {
        const value = random.below(limit);
        return Number.isInteger(value) && value >= 0 && value < limit;
      }),
    );
    expect(random.below(1)).to.equal(0);
  });

  it("favours no result: 60,000 throws of a die are within six standard deviations", () => {
    const random = new CryptoRandom();
    const counts = Array.from({ length: 6 }, () => 0);
    for (let i = 0; i < 60_000; i++) counts[random.below(6)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).to.be.lessThan(548);
  });

  it("refuses limits that are none", () => {
    const random = new CryptoRandom();
    for (const limit of [0, -1, 1.5, NaN, 2 ** 32 + 1]) {
      expect(() => random.below(limit), String(limit)).to.throw(InvariantBroken);
    }
  });
});
