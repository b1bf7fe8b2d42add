import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { treeCommit } from "../tree-commit.ts";

describe("tidy: the commit that figures are published of", () => {
  let folder = "";
  const git = (...args: string[]): void => {
    const identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    const { status, stderr } = spawnSync("git", ["-C", folder, ...identity, ...args], { encoding: "utf8" });
    expect(status, stderr).to.equal(0);
  };

  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "dynamokv-commit-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("says where sources differ from it, and passes over documents and results", () => {
    git("init", "--quiet");
    writeFileSync(join(folder, "a.ts"), "1");
    writeFileSync(join(folder, "README.md"), "1");
    git("add", ".");
    git("commit", "--quiet", "--message", "first");
    writeFileSync(join(folder, "README.md"), "2");
    writeFileSync(join(folder, "results.json"), "{}");
    expect(treeCommit(folder)).to.match(/^[0-9a-f]{7,}$/);
    writeFileSync(join(folder, "a.ts"), "2");
    expect(treeCommit(folder)).to.match(/^[0-9a-f]{7,} \+ changes$/);
    git("checkout", "--quiet", "a.ts");
    writeFileSync(join(folder, "new.ts"), "1");
    expect(treeCommit(folder)).to.match(/ \+ changes$/);
  });

  it("is unknown outside a work tree", () => {
    expect(treeCommit(join(folder, "nowhere"))).to.equal("unknown");
  });
});
