import { expect } from "chai";
import { type Mark, RARE_MARKS, REQUIRED_MARKS } from "./coverage-marks.ts";
import { emptyExploration, explore, type Exploration } from "./exploration.ts";
import {
  isCutShort,
  SEEDS_FOR_MARKS,
  SEEDS_FOR_RARE_MARKS,
  shortcomings,
  summaryLine,
  summaryOf,
} from "./exploration-summary.ts";

describe("simulator: the summary of an exploration", () => {
  const ALL: readonly Mark[] = [...REQUIRED_MARKS, ...RARE_MARKS];
  const summary = (fields: Partial<Exploration>, count: number): ReturnType<typeof summaryOf> =>
    summaryOf(
      { ...emptyExploration(), seeds: count, ...fields },
      { from: 1, count, at: "2026-01-02T03:04:05.000Z", commit: "abc1234" },
    );
  const hits = (marks: readonly Mark[]): Exploration["marks"] =>
    Object.fromEntries(marks.map((mark) => [mark, 1]));

  it("fails a thousand seeds that never were in a situation, and says in which; fewer only tell", () => {
    const marks = hits(ALL.filter((mark) => mark !== "netsplit"));
    expect(shortcomings(summary({ marks }, SEEDS_FOR_MARKS))).to.deep.equal([
      "never in 1 of the situations that so many seeds must be in (coverage-marks.ts): netsplit",
    ]);
    const fewer = summary({ marks }, SEEDS_FOR_MARKS - 1);
    expect(shortcomings(fewer)).to.deep.equal([]);
    expect(summaryLine(fewer)).to.match(/marks never hit: netsplit$/);
    expect(shortcomings(summary({ marks: hits(ALL) }, SEEDS_FOR_MARKS))).to.deep.equal([]);
  });

  it("asks for the rare situations of ten thousand seeds only", () => {
    const marks = hits(REQUIRED_MARKS);
    expect(shortcomings(summary({ marks }, SEEDS_FOR_RARE_MARKS - 1))).to.deep.equal([]);
    expect(shortcomings(summary({ marks }, SEEDS_FOR_RARE_MARKS))).to.deep.equal([
      `never in ${RARE_MARKS.length} of the situations that so many seeds must be in (coverage-marks.ts): ` +
        RARE_MARKS.join(", "),
    ]);
  });

  it("fails what is violated or was cut short", () => {
    const failed = [9, 7].map((seed) => ({ seed, violations: [] }));
    expect(summary({ failed }, 20).violated).to.deep.equal([7, 9]);
    expect(shortcomings(summary({ failed }, 20))).to.deep.equal(["2 of 20 seeds violated"]);
    expect(shortcomings(summary({ seeds: 3 }, 20))).to.deep.equal(["cut short: 3 of 20 seeds were run"]);
    expect([isCutShort(summary({ seeds: 3 }, 20)), isCutShort(summary({}, 20))]).to.deep.equal([true, false]);
  });

  it("is one line", () => {
    const result = { operations: 30, acknowledged: 20, events: 500, marks: hits(ALL) };
    expect(summaryLine(summary(result, 4))).to.equal(
      "4 seeds (1 to 4) on abc1234: 30 operations, 20 acknowledged writes, 500 events; violated: 0; " +
        "marks never hit: none",
    );
  });

  it("tells of the seeds that were run when it is stopped", async () => {
    const stop = new AbortController();
    const range = { from: 1, count: 50, stopAtFirst: false, signal: stop.signal };
    const result = await explore({ ...range, progress: ({ seeds }) => seeds === 2 && stop.abort() });
    expect(result.seeds).to.equal(2);
    expect(result.operations).to.be.greaterThan(0);
  });
});
