import { expect } from "chai";
import { type Detection, mergedDetections, readDetections } from "./detection.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

describe("simulator: what is published of planted bugs", () => {
  const found = (name: string, seed: number | null): Detection => ({
    name,
    breaks: "something",
    seed,
    caughtBy: seed === null ? "" : "dot_reused",
    seedsTried: seed ?? 400,
    commit: "abc1234",
  });

  it("replaces the lines of the bugs that were hunted, and leaves the others", () => {
    const kept = [found("b", 2), found("gone", 3), found("a", 1)];
    const bugs = [{ name: "a" }, { name: "never_hunted" }, { name: "b" }, { name: "c" }];
    expect(mergedDetections(kept, [found("c", 7), found("b", null)], bugs)).to.deep.equal([
      found("a", 1),
      found("b", null),
      found("c", 7),
    ]);
  });

  it("has a line for each planted bug, and for no other", () => {
    const lines = readDetections().map(({ name }) => name);
    const bugs = PLANTED_BUGS.map(({ name }) => name);
    const missing = bugs.filter((name) => !lines.includes(name));
    const mend = `npm run sim -- --mutants --write --jobs 2 --only ${missing.join(",")}`;
    expect(missing, `planted, but not in detections.json; hunt them: ${mend}`).to.deep.equal([]);
    expect(
      lines,
      "order and names are those of planted-bugs.ts; any hunt with --write mends that",
    ).to.deep.equal(bugs);
  });
});
