import { mkdtempSync, rmSync } from "node:fs";
import { expect } from "chai";
import { join } from "node:path";
import { openConnection } from "../../../../node/adapters/sqlite-connection.ts";
import Sqlite from "better-sqlite3";
import { tmpdir } from "node:os";

describe("openConnection", () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "dynamokv-connection-"));
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  it("runs with synchronous=FULL at the first open and at every later one, where SQLite alone would not", () => {
    const path = join(dir, "data.db");
    for (const role of ["write", "write", "read", "checkpoint"] as const) {
      const keep = openConnection({ path, role: "write", cacheBytes: 1 << 20 });
      const connection = openConnection({ path, role, cacheBytes: 1 << 20 });
      expect(connection.pragma("synchronous", { simple: true }), role).to.equal(2);
      expect(connection.pragma("journal_mode", { simple: true }), role).to.equal("wal");
      expect(connection.pragma("wal_autocheckpoint", { simple: true }), role).to.equal(0);
      connection.close();
      keep.close();
    }
    const bare = new Sqlite(path);
    expect(bare.pragma("synchronous", { simple: true }), "the trap").to.equal(1);
    bare.close();
  });

  it("refuses a file that cannot be a write-ahead-logged one", () => {
    expect(() => openConnection({ path: ":memory:", role: "write", cacheBytes: 1 << 20 })).to.throw(
      /journal mode memory/,
    );
  });
});
