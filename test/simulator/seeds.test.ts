import { expect } from "chai";
import { REQUIRED_MARKS } from "./coverage-marks.ts";
import { type Exploration, addExploration, emptyExploration, explore, missingMarks } from "./exploration.ts";
import { describe as describeScenario, scenarioOf } from "./scenario.ts";

/** Seeds of every change; a failure prints how to replay it. */
const FIXED_SEEDS = 60;
const SEEDS_PER_TEST = 12;

describe("simulator: fixed seeds", function () {
  this.timeout(60_000);
  const sum: Exploration = emptyExploration();

  for (let from = 1; from <= FIXED_SEEDS; from += SEEDS_PER_TEST) {
    it(`keeps every promise in seeds ${from} to ${from + SEEDS_PER_TEST - 1}`, async () => {
      const part = await explore({
        from,
        count: SEEDS_PER_TEST,
        stopAtFirst: false,
        progress: () => undefined,
      });
      addExploration(sum, part);
      const told = part.failed.map(
        ({ seed, violations }) =>
          `${describeScenario(scenarioOf(seed))}\n${violations[0]!.kind}: ${violations[0]!.detail}\n` +
          `replay: npm run sim -- --seed ${seed}`,
      );
      expect(told).to.deep.equal([]);
    });
  }

  it("was in every situation that it is there for", () => {
    expect(sum.seeds).to.equal(FIXED_SEEDS);
    expect(missingMarks(sum, REQUIRED_MARKS)).to.deep.equal([]);
    expect(sum.acknowledged).to.be.greaterThan(FIXED_SEEDS * 20);
  });
});
