import { expect } from "chai";
import { type ArrivalProcess, Arrivals, seededRandom } from "../../../../bench/overload/arrivals.ts";

const STEPS = [
  { ratePerSecond: 1_000, seconds: 2 },
  { ratePerSecond: 4_000, seconds: 1 },
];

function all(process: ArrivalProcess, seed = 1): { dueMs: number; step: number }[] {
  const arrivals = new Arrivals(STEPS, process, seededRandom(seed));
  const seen: { dueMs: number; step: number }[] = [];
  for (let dueMs = arrivals.nextMs; dueMs !== undefined; dueMs = arrivals.nextMs) {
    seen.push({ dueMs, step: arrivals.step });
    arrivals.advance();
  }
  return seen;
}

describe("arrivals", () => {
  it("come at the rate of their step and in order, uniform or not", () => {
    for (const process of ["uniform", "poisson"] as const) {
      const seen = all(process);
      const counts = [0, 1].map((step) => seen.filter((arrival) => arrival.step === step).length);
      // Four standard deviations of a Poisson count are 180 and 253.
      expect(counts[0], process).to.be.within(1_820, 2_180);
      expect(counts[1], process).to.be.within(3_747, 4_253);
      for (const { dueMs, step } of seen)
        expect(dueMs).to.be.within(step === 0 ? 0 : 2_000, step === 0 ? 2_000 : 3_000);
      for (let i = 1; i < seen.length; i++) expect(seen[i]!.dueMs).to.be.at.least(seen[i - 1]!.dueMs);
    }
  });

  it("have equal gaps where uniform, and gaps as scattered as they are long where Poisson", () => {
    const spread = (process: ArrivalProcess): number => {
      const dues = all(process).flatMap(({ dueMs, step }) => (step === 0 ? [dueMs] : []));
      const gaps = dues.slice(1).map((dueMs, i) => dueMs - dues[i]!);
      const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
      return Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length) / mean;
    };
    expect(spread("uniform")).to.be.below(0.001);
    expect(spread("poisson")).to.be.within(0.85, 1.15);
  });

  it("are the same for the same seed", () => {
    expect(all("poisson", 7)).to.deep.equal(all("poisson", 7));
    expect(all("poisson", 7)).not.to.deep.equal(all("poisson", 8));
  });
});
