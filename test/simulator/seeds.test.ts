import { expect } from "chai";
import { REQUIRED_MARKS } from "./coverage-marks.ts";
import { type Exploration, addExploration, emptyExploration, explore, missingMarks } from "./exploration.ts";
import { describe as describeScenario, scenarioOf } from "./scenario.ts";

/** Seeds of every change; a failure prints how to replay it. */
const FIXED_SEEDS = 60;
const SEEDS_PER_TEST = 12;
/** And these, for situations that those are not in. Where scenarios are drawn in another way there are other ones. */
const FURTHER_SEEDS = [105, 157, 208];

describe("simulator: fixed seeds", function () {
  this.timeout(60_000);
  const sum: Exploration = emptyExploration();

  const ranges = Array.from({ length: FIXED_SEEDS / SEEDS_PER_TEST }, (_, i) => ({
    from: 1 + i * SEEDS_PER_TEST,
    count: SEEDS_PER_TEST,
  }));
  for (const { from, count } of [...ranges, ...FURTHER_SEEDS.map((seed) => ({ from: seed, count: 1 }))]) {
    const which = count === 1 ? `seed ${from}` : `seeds ${from} to ${from + count - 1}`;
    it(`keeps every promise in ${which}`, async () => {
      const part = await explore({
        from,
        count,
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
    expect(sum.seeds).to.equal(FIXED_SEEDS + FURTHER_SEEDS.length);
    expect(missingMarks(sum, REQUIRED_MARKS)).to.deep.equal([]);
    expect(sum.acknowledged).to.be.greaterThan(FIXED_SEEDS * 20);
  });
});
