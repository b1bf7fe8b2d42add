import { expect } from "chai";
import { median } from "../../../bench/median.ts";

describe("median", () => {
  it("is the middle value, of two the mean of both, whatever their order", () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([10, 9, 1, 2])).to.equal(5.5);
    expect(median([Infinity, 1, Infinity])).to.equal(Infinity);
    expect(median([])).to.be.NaN;
  });
});
