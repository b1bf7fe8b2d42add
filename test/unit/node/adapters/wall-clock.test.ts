import { expect } from "chai";
import { wallClock } from "../../../../node/adapters/wall-clock.ts";

describe("wall clock", () => {
  it("counts forward in milliseconds, and knows today's date", async () => {
    const before = wallClock.monotonicMs();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(wallClock.monotonicMs() - before).to.be.within(15, 2_000);
    expect(wallClock.wallMs()).to.be.greaterThan(Date.parse("2025-01-01"));
  });
});
