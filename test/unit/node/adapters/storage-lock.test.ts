import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseFailure } from "../../../../node/core/ports/database.ts";
import { expect } from "chai";
import { join } from "node:path";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { StorageLock } from "../../../../node/adapters/storage-lock.ts";
import { tmpdir } from "node:os";

describe("StorageLock", () => {
  let dir: string;
  let path: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "dynamokv-lock-"));
    path = join(dir, "lock.db");
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  it("refuses a second holder until the first releases it", () => {
    const lock = new StorageLock(path);
    expect(() => new StorageLock(path)).to.throw(DatabaseFailure, /another process uses this data directory/);
    lock.release();
    new StorageLock(path).release();
  });

  it("refuses a second process, and is free once the first was killed", async () => {
    const module = new URL("../../../../node/adapters/storage-lock.js", import.meta.url).href;
    const script = `const { StorageLock } = await import(${JSON.stringify(module)});
      globalThis.lock = new StorageLock(${JSON.stringify(path)});
      console.log("locked"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(() => new StorageLock(path)).to.throw(DatabaseFailure, /stop it first/);
    child.kill("SIGKILL");
    await once(child, "exit");
    new StorageLock(path).release();
  });
});
