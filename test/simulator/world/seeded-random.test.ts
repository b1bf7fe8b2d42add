import { expect } from "chai";
import { SeededRandom } from "./seeded-random.ts";

const draw = (random: SeededRandom, count: number): number[] =>
  Array.from({ length: count }, () => random.u32());

describe("simulator: seeded random", () => {
  it("gives the same numbers for the same seed and labels", () => {
    const one = SeededRandom.ofSeed(7).fork("network", "a", 3);
    const two = SeededRandom.ofSeed(7).fork("network", "a", 3);
    expect(draw(one, 50)).to.deep.equal(draw(two, 50));
  });

  it("forks without drawing, so that an operation that is deleted does not shift the others", () => {
    const busy = SeededRandom.ofSeed(7);
    draw(busy, 1_000);
    expect(draw(busy.fork("x", 2), 5)).to.deep.equal(draw(SeededRandom.ofSeed(7).fork("x", 2), 5));
  });

  it("gives unrelated numbers for neighbouring seeds and labels", () => {
    const firsts = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      for (let n = 0; n < 50; n++) firsts.add(SeededRandom.ofSeed(seed).fork("op", n).u32());
    }
    expect(firsts.size).to.be.greaterThan(9_995);
    let ones = 0;
    for (let n = 0; n < 4_000; n++) ones += SeededRandom.ofSeed(1).fork("bit", n).u32() & 1;
    expect(ones).to.be.within(1_800, 2_200);
  });

  it("tells a number from its text", () => {
    expect(SeededRandom.ofSeed(1).fork(5).u32()).to.not.equal(SeededRandom.ofSeed(1).fork("5").u32());
  });

  it("spreads evenly over a range", () => {
    const random = SeededRandom.ofSeed(3).fork("range");
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 10_000; i++) counts[random.below(5)]! += 1;
    for (const count of counts) expect(count).to.be.within(1_800, 2_200);
  });
});
