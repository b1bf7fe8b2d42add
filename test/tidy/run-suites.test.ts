/**
 * The runner of the suites, on suites made for this test: nothing may look green that was not run to its end. A small
 * project is laid out in a temporary directory, with the compiled runner, so that its real paths are used.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { projectRoot } from "./source-tree.ts";

describe("tidy: the runner of the suites", function () {
  this.timeout(30_000);
  let project: string;

  beforeEach(() => {
    const root = projectRoot();
    project = mkdtempSync(join(tmpdir(), "dynamokv-suites-"));
    for (const file of [
      ".mocharc.json",
      "package.json",
      "dist/test/private-network.js",
      "dist/test/run-suites.js",
      "dist/test/run-suite.js",
    ]) {
      cpSync(join(root, file), join(project, file));
    }
    symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
  });

  afterEach(() => {
    rmSync(project, { recursive: true, force: true });
  });

  it("sums the suites in one closing line, and is content when every test passed", () => {
    addTest("unit", "a", `it("a", () => {}); it("b", () => {});`);
    addTest("paper", "b", `it("c", () => {});`);
    expect(run("unit", "paper")).to.deep.equal({ status: 0, last: "3 passed, 0 failed" });
  });

  const failures: readonly { fact: string; code: string; last: string }[] = [
    { fact: "a failed test", code: `it("b", () => { throw new Error("no"); });`, last: "1 passed, 1 failed" },
    { fact: "a test without a body", code: `it("b");`, last: "1 passed, 1 failed" },
    { fact: "a chosen test", code: `it.only("b", () => {});`, last: "0 passed, 1 failed" },
    {
      fact: "a process that ends before its tests",
      code: `it("b", () => process.exit(0));`,
      last: "0 passed, 1 failed",
    },
    { fact: "something left running", code: `setInterval(() => {}, 1000);`, last: "1 passed, 1 failed" },
    { fact: "a file that cannot be loaded", code: `await import("./none.js");`, last: "0 passed, 1 failed" },
  ];
  for (const { fact, code, last } of failures) {
    it(`counts ${fact} as a failure`, () => {
      addTest("unit", "a", `it("a", () => {}); ${code}`);
      expect(run("unit")).to.deep.equal({ status: 1, last });
    });
  }

  it("counts a suite without tests as a failure", () => {
    addTest("unit", "a", `it("a", () => {});`);
    mkdirSync(join(project, "test/paper"));
    expect(run("unit", "paper")).to.deep.equal({ status: 1, last: "1 passed, 1 failed" });
  });

  it("counts a source that was not compiled as a failure, and leaves out what has no source", () => {
    addTest("unit", "a", `it("a", () => {});`);
    writeFileSync(
      join(project, "dist/test/unit/gone.test.js"),
      `it("gone", () => { throw new Error("gone"); });`,
    );
    expect(run("unit")).to.deep.equal({ status: 0, last: "1 passed, 0 failed" });
    writeFileSync(join(project, "test/unit/new.test.ts"), "");
    expect(run("unit")).to.deep.equal({ status: 1, last: "0 passed, 1 failed" });
  });

  it("refuses a suite that it does not know", () => {
    expect(run("units").status).to.equal(2);
    expect(run().status).to.equal(2);
  });

  it("leaves out the files that it is told to, and refuses to except what is not there", () => {
    addTest("unit", "a", `it("a", () => {});`);
    addTest("unit", "slow", `it("b", () => { throw new Error("ran"); });`);
    expect(run("unit", "--except", "unit/slow")).to.deep.equal({ status: 0, last: "1 passed, 0 failed" });
    expect(run("unit", "--except", "unit/slower").status).to.equal(2);
  });

  function addTest(suite: string, name: string, code: string): void {
    for (const folder of ["test", "dist/test"]) mkdirSync(join(project, folder, suite), { recursive: true });
    writeFileSync(join(project, "test", suite, `${name}.test.ts`), code);
    writeFileSync(join(project, "dist/test", suite, `${name}.test.js`), code);
  }

  function run(...suites: string[]): { status: number | null; last: string } {
    const runner = join(project, "dist/test/run-suites.js");
    const done = spawnSync(process.execPath, [runner, ...suites], { cwd: project, encoding: "utf8" });
    return { status: done.status, last: done.stdout.trimEnd().split("\n").at(-1) ?? "" };
  }
});
