import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect } from "chai";
import { setAsideIn, setCopiesAside } from "../../../../node/adapters/set-aside.ts";

describe("copies that are set aside", () => {
  let directory: string;
  const lay = (...files: string[]): void => {
    for (const file of files) writeFileSync(path.join(directory, file), file);
  };

  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), "dynamokv-set-aside-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("are both databases with their logs, each time in a directory of its own; all else stays", () => {
    lay("data.db", "data.db-wal", "hints.db", "hints.db-shm", "ring.json", "node.json");
    const first = setCopiesAside(directory, "2026-01-02T03:04:05.678Z");
    expect(first).to.equal(path.join(directory, "set-aside-2026-01-02T03-04-05.678Z"));
    expect(readdirSync(first).sort()).to.deep.equal(["data.db", "data.db-wal", "hints.db", "hints.db-shm"]);
    lay("data.db");
    setCopiesAside(directory, "2026-01-03T00:00:00.000Z");
    expect(readdirSync(directory).filter((name) => !name.startsWith("set-aside-"))).to.deep.equal([
      "node.json",
      "ring.json",
    ]);
    const { directories, bytes } = setAsideIn(directory);
    expect(directories).to.have.length(2);
    expect(bytes).to.equal("data.dbdata.db-walhints.dbhints.db-shmdata.db".length);
  });

  it("may have been packed by a person: a node starts beside such a file", () => {
    lay("data.db", "set-aside-2026-01-01T00-00-00.000Z.tar.gz");
    setCopiesAside(directory, "2026-01-02T03:04:05.678Z");
    expect(setAsideIn(directory)).to.deep.equal({
      directories: ["set-aside-2026-01-02T03-04-05.678Z"],
      bytes: "data.db".length,
    });
  });

  it("are none as a rule", () => {
    expect(setAsideIn(directory)).to.deep.equal({ directories: [], bytes: 0 });
    expect(existsSync(path.join(directory, "data.db"))).to.equal(false);
  });
});
