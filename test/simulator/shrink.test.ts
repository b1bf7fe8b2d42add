import { expect } from "chai";
import fc from "fast-check";
import { scheduleFromJson, scheduleToJson } from "./schedule.ts";
import { ddmin } from "./shrink.ts";
import { simulate } from "./simulation.ts";

describe("simulator: shrinking", function () {
  this.timeout(60_000);

  it("leaves exactly the items that a failure needs", async () => {
    const needs = fc.uniqueArray(fc.nat(39), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(needs, async (needed) => {
        const all = Array.from({ length: 40 }, (_, i) => i);
        const left = await ddmin(all, (items) =>
          Promise.resolve(needed.every((each) => items.includes(each))),
        );
        expect(left).to.have.members(needed);
      }),
      { numRuns: 50 },
    );
  });

  it("ends with nothing where nothing is needed", async () => {
    expect(await ddmin([1, 2, 3], () => Promise.resolve(true))).to.deep.equal([]);
  });

  it("replays a run from what was written down of it, event by event", async () => {
    for (const seed of [3, 5, 11]) {
      const drawn = await simulate(seed);
      const written: unknown = JSON.parse(JSON.stringify(scheduleToJson(drawn.schedule)));
      const replayed = await simulate(scheduleFromJson(written));
      expect(replayed.traceHash, `seed ${seed}`).to.equal(drawn.traceHash);
      expect(replayed.schedule).to.deep.equal(drawn.schedule);
    }
  });

  it("leaves the rest of a run as it is where an operation is taken away", async () => {
    const { schedule } = await simulate(3);
    const operations = schedule.operations.filter((_, i) => i % 3 !== 0);
    const without = await simulate({ ...schedule, operations });
    expect(without.schedule.operations.map(({ client, n }) => `${client}.${n}`)).to.have.members(
      operations.map(({ client, n }) => `${client}.${n}`),
    );
    expect(without.schedule.faults).to.deep.equal(schedule.faults);
    expect(without.violations).to.deep.equal([]);
  });
});
