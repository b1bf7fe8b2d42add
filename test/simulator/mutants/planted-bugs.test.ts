import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { readRegression } from "../regression.ts";
import { huntMutant } from "./hunt.ts";
import { buildMutant, ROOT } from "./mutated-build.ts";
import { applyEdit } from "./planted-bug.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

/** Those that seeds seldom show: how they are caught must not hang on what seeds mean. */
const BUGS_WITH_SMALL_RUNS = [
  "hint_for_two_forgotten_after_one",
  "concurrent_copies_passed_over",
  "recovered_after_one_comparison",
  "no_fence",
  "promise_forgotten",
  "tombstone_collected_without_an_absent_member",
  "later_write_sealed",
];

describe("simulator: planted bugs", function () {
  this.timeout(120_000);

  it("still fit the sources that they are to be planted in", () => {
    expect(PLANTED_BUGS.length).to.be.at.least(12);
    for (const { name, edits } of PLANTED_BUGS) {
      expect(edits, name).to.not.be.empty;
      for (const edit of edits) {
        const source = readFileSync(join(ROOT, edit.file), "utf8");
        expect(applyEdit(source, edit), name).to.not.equal(source);
      }
    }
  });

  it("are refused where their text is not there exactly once", () => {
    const edit = { file: "f", search: "a", replace: "b" };
    expect(() => applyEdit("xyz", edit)).to.throw("f has 0 times, not once: a");
    expect(() => applyEdit("banana", edit)).to.throw("f has 3 times, not once: a");
    expect(applyEdit("cat", edit)).to.equal("cbt");
  });

  it("are caught: an acknowledgement before the commit, within a few seeds", async () => {
    const bug = PLANTED_BUGS.find(({ name }) => name === "ack_before_sync")!;
    const caught = await huntMutant(bug, 10);
    expect(caught.seed, caught.detail).to.be.within(1, 10);
    expect(caught.caughtBy).to.be.oneOf(["acknowledged_before_durable", "acknowledged_write_lost"]);
  });

  for (const name of BUGS_WITH_SMALL_RUNS) {
    it(`are shown by the small run that was kept of one of them: ${name}`, async () => {
      const build = await buildMutant(PLANTED_BUGS.find((bug) => bug.name === name)!);
      try {
        const run = join(ROOT, "test/simulator/regressions", `${name}.json`);
        const { status, stdout } = spawnSync(process.execPath, [build.main, "--replay", run, "--quiet"], {
          encoding: "utf8",
        });
        expect(stdout).to.match(new RegExp(`VIOLATED at .* ${readRegression(run).violation}`));
        expect(status).to.equal(1);
      } finally {
        build.remove();
      }
    });
  }
});
