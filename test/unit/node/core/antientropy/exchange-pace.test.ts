import { expect } from "chai";
import fc from "fast-check";
import { pauseBetweenMs, untilNextMs } from "../../../../../node/core/antientropy/exchange-pace.ts";

const outcomes = fc.constantFrom(
  "equal" as const,
  "repaired" as const,
  "failed" as const,
  "postponed" as const,
);

describe("the pace of exchanges", () => {
  it("leaves two thirds of the time to others, and more while clients' writes wait for the disk", () => {
    expect(pauseBetweenMs(100, 0)).to.equal(200);
    expect(pauseBetweenMs(100, 50)).to.equal(400);
    expect(pauseBetweenMs(0, 0)).to.equal(0);
  });

  it("starves under no load: a pause has an end", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (stepMs, ageMs) => {
        expect(pauseBetweenMs(stepMs, ageMs)).to.be.within(0, 5_000);
      }),
    );
  });

  it("waits an interval where all is equal, a tenth more or less", () => {
    const next = (chance: number) =>
      untilNextMs({ outcome: "equal", inARow: 9 }, { intervalMs: 60_000, chance });
    expect([next(0), next(0.5), Math.round(next(0.999))]).to.deep.equal([54_000, 60_000, 65_988]);
  });

  it("looks again soon after a repair or a failure, later each time, and never later than half an interval more", () => {
    const at = (outcome: "repaired" | "failed", inARow: number) =>
      untilNextMs({ outcome, inARow }, { intervalMs: 60_000, chance: 0.5 });
    expect([1, 2, 3, 9].map((n) => at("failed", n))).to.deep.equal([1_000, 2_000, 4_000, 60_000]);
    expect([1, 2, 3, 9].map((n) => at("repaired", n))).to.deep.equal([2_000, 4_000, 8_000, 60_000]);
    const chances = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(
        outcomes,
        fc.nat(),
        fc.integer({ min: 100, max: 86_400_000 }),
        chances,
        (outcome, n, intervalMs, chance) => {
          const waitMs = untilNextMs({ outcome, inARow: n + 1 }, { intervalMs, chance });
          expect(waitMs).to.be.within(0, 1.5 * intervalMs);
        },
      ),
    );
  });
});
