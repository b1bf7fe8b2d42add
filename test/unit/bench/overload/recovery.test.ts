import { expect } from "chai";
import { GoodSlices, SLICE_MS } from "../../../../bench/overload/recovery.ts";

/** `shares`: of 200 requests a slice, so many percent are good. */
function slices(shares: readonly number[]): GoodSlices {
  const counted = new GoodSlices();
  shares.forEach((share, slice) => {
    for (let i = 0; i < 200; i++) counted.count(slice * SLICE_MS + i, i < share * 2);
  });
  return counted;
}

describe("recovery", () => {
  const fromMs = 2 * SLICE_MS;
  const untilMs = 6 * SLICE_MS;

  it("ends with the last slice in which too many were not good", () => {
    expect(slices([100, 50, 50, 100, 98, 100]).recoveryMs(fromMs, untilMs)).to.equal(3 * SLICE_MS);
  });

  it("takes no time where all was good at once, whatever was before", () => {
    expect(slices([0, 0, 99, 100, 100, 100]).recoveryMs(fromMs, untilMs)).to.equal(0);
  });

  it("is unknown where the run ends in trouble", () => {
    expect(slices([100, 50, 100, 100, 100, 90]).recoveryMs(fromMs, untilMs)).to.equal(undefined);
  });

  it("takes one failure among few for no trouble", () => {
    const few = new GoodSlices();
    for (let slice = 0; slice < 4; slice++) few.count(slice * SLICE_MS, slice !== 3);
    expect(few.recoveryMs(0, 4 * SLICE_MS)).to.equal(0);
  });
});
