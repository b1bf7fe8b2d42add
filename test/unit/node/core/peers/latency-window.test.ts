import { expect } from "chai";
import { LatencyWindow } from "../../../../../node/core/peers/latency-window.ts";

describe("latency window", () => {
  it("knows nothing before the first observation", () => {
    expect(new LatencyWindow().quantile(0.95)).to.equal(undefined);
  });

  it("gives quantiles of the latest observations and forgets the older ones", () => {
    const window = new LatencyWindow(100);
    for (let i = 0; i < 100; i++) window.observe(1_000);
    for (let i = 1; i <= 100; i++) window.observe(i);
    expect(window.quantile(0.95)).to.equal(96);
    expect(window.quantile(1)).to.equal(100);
  });
});
