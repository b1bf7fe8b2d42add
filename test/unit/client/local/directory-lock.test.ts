import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect } from "chai";
import { withDirectoryLock } from "../../../../client/local/directory-lock.ts";

describe("withDirectoryLock", () => {
  let scratch = "";
  beforeEach(() => (scratch = mkdtempSync(path.join(os.tmpdir(), "dynamokv-lock-"))));
  afterEach(() => rmSync(scratch, { recursive: true }));

  it("lets one action in at a time, and frees the lock also when one fails", async () => {
    let inside = 0;
    const waits: string[] = [];
    const action = async (): Promise<void> => {
      expect(++inside).to.equal(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside--;
      throw new Error("failed");
    };
    const runs = [1, 2, 3].map(() => withDirectoryLock(scratch, (line) => waits.push(line), action));
    const outcomes = await Promise.allSettled(runs);
    expect(outcomes.map((outcome) => outcome.status)).to.deep.equal(["rejected", "rejected", "rejected"]);
    expect(outcomes.map((outcome) => String((outcome as PromiseRejectedResult).reason))).to.deep.equal(
      Array(3).fill("Error: failed"),
    );
    expect(waits[0]).to.include(`process ${process.pid}`);
    expect(existsSync(path.join(scratch, "lock"))).to.equal(false);
  });

  it("takes over the lock of a process that has ended", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    writeFileSync(path.join(scratch, "lock"), `${pid}\n`);
    expect(
      await withDirectoryLock(
        scratch,
        () => {},
        () => Promise.resolve("in"),
      ),
    ).to.equal("in");
  });
});
