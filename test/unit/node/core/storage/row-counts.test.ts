import { expect } from "chai";
import { addCounts, noRows } from "../../../../../node/core/storage/row-counts.ts";

describe("addCounts", () => {
  it("follows rows up and down, and leaves out owners for whom nothing is kept any more", () => {
    const two = addCounts(noRows, {
      data: 1,
      hints: 2,
      markers: 2,
      hintsByOwner: new Map([
        ["a", 2],
        ["b", 1],
      ]),
    });
    const one = addCounts(two, {
      data: 0,
      hints: -1,
      markers: -1,
      hintsByOwner: new Map([
        ["a", -1],
        ["b", -1],
      ]),
    });
    expect(one).to.deep.equal({ data: 1, hints: 1, markers: 1, hintsByOwner: new Map([["a", 1]]) });
    expect(two.hintsByOwner).to.deep.equal(
      new Map([
        ["a", 2],
        ["b", 1],
      ]),
    );
  });
});
