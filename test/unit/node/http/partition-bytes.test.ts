import { expect } from "chai";
import { partitionBytes } from "../../../../node/http/partition-bytes.ts";

describe("bytes of a partition", () => {
  const summaries = (...keys: number[]): { root: Uint8Array; keys: number }[] =>
    keys.map((count) => ({ root: new Uint8Array(16), keys: count }));

  it("are its keys at their mean size; what is not kept here has as many as the mean", () => {
    expect(partitionBytes(summaries(4, 0, 8, 0), { keys: 12, bytes: 1_200 })).to.deep.equal([
      400, 600, 800, 600,
    ]);
  });

  it("are none of an empty store", () => {
    expect(partitionBytes(summaries(0, 0), { keys: 0, bytes: 40_960 })).to.deep.equal([0, 0]);
  });
});
