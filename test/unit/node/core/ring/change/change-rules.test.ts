import { expect } from "chai";
import { flipLacks } from "../../../../../../node/core/ring/change/change-progress.ts";
import { routesOf } from "../../../../../../node/core/ring/change/change-routes.ts";
import { fence } from "../../../../../../node/core/ring/change/fence.ts";
import { type ChangeRules, RULES, runChange } from "./change-model.ts";

const SEEDS = 2_000;

describe("change rules", () => {
  it("let no read miss what was acknowledged before it, whatever node is in whatever epoch", () => {
    let ended = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { missed, hasEnded } = runChange(seed);
      expect(missed, `seed ${seed}`).to.equal(undefined);
      if (hasEnded) ended++;
    }
    expect(ended).to.be.greaterThan(SEEDS / 4);
  });

  const bugs: Readonly<Record<string, Partial<ChangeRules>>> = {
    "no fence": { fence: (ring, planned) => (fence(ring, planned) === "fetch" ? "fetch" : "serve") },
    "acknowledgements with a ring store that is not listed": { isAdmitted: () => true },
    "writes to the owners before alone": {
      routesOf: (ring) =>
        routesOf(ring).map((routes) => ({ ...routes, writeSets: routes.writeSets.slice(0, 1) })),
    },
    "writes to the owners after alone": {
      routesOf: (ring) =>
        routesOf(ring).map((routes) => ({ ...routes, writeSets: routes.writeSets.slice(-1) })),
    },
    "W in both sets together": {
      routesOf: (ring) =>
        routesOf(ring).map((routes) => ({ ...routes, writeSets: [[...new Set(routes.writeSets.flat())]] })),
    },
    "transfer before the fence": { transferSources: ({ before }) => before },
    "one owner compared too few": {
      flipLacks: (...given) => flipLacks(...given).filter(({ has, needs }) => has < needs - 1),
    },
    "flip before the transfer": { flipLacks: () => [] },
    "end at once": { endLacks: () => [] },
  };
  for (const [name, bug] of Object.entries(bugs)) {
    it(`are each needed: ${name}`, () => {
      let seed = 1;
      while (seed <= SEEDS && runChange(seed, { ...RULES, ...bug }).missed === undefined) seed++;
      expect(seed).to.be.at.most(SEEDS);
    });
  }
});
