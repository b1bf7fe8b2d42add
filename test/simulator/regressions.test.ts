import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { PLANTED_BUGS } from "./mutants/planted-bugs.ts";
import { ROOT } from "./mutants/mutated-build.ts";
import { describeRegression, readRegression } from "./regression.ts";
import { simulate } from "./simulation.ts";

const FOLDER = join(ROOT, "test/simulator/regressions");

describe("simulator: regressions", function () {
  this.timeout(60_000);

  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".json"))) {
    it(`keeps every promise in ${file}`, async () => {
      const regression = readRegression(join(FOLDER, file));
      const { violations, schedule } = await simulate(regression.schedule);
      expect(violations, describeRegression(regression)).to.deep.equal([]);
      expect(schedule.operations).to.have.lengthOf(regression.schedule.operations.length);
    });

    it(`names a bug that is still planted, if any, in ${file}`, () => {
      const { plantedBug } = readRegression(join(FOLDER, file));
      if (plantedBug !== undefined) expect(PLANTED_BUGS.map(({ name }) => name)).to.include(plantedBug);
    });
  }
});
