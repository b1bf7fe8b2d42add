import { mkdtempSync, rmSync, statSync } from "node:fs";
import { Checkpointer } from "../../../../node/adapters/sqlite-checkpointer.ts";
import { expect } from "chai";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import Sqlite from "better-sqlite3";
import type { StoredRow } from "../../../../node/core/ports/database.ts";
import { SqliteDatabase } from "../../../../node/adapters/sqlite-database.ts";
import { tmpdir } from "node:os";

const PAGES_MIN = 200;
const PAGE_BYTES = 4_096;

describe("Checkpointer", () => {
  let dir: string;
  let writer: SqliteDatabase;
  let checkpointer: Checkpointer;
  let restarts: number;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "dynamokv-checkpoint-"));
    const path = join(dir, "data.db");
    writer = new SqliteDatabase({ path, role: "write", cacheBytes: 1 << 20 });
    restarts = 0;
    checkpointer = new Checkpointer({ path, pagesMin: PAGES_MIN, askForRestart: () => (restarts += 1) });
  });

  afterEach(() => {
    checkpointer.close();
    writer.close();
    rmSync(dir, { recursive: true });
  });

  function commitRows(count: number): void {
    fill(writer, count);
  }

  function fill(database: SqliteDatabase, count: number): StoredRow[] {
    const rows = Array.from({ length: count }, () => ({
      position: randomBytes(16),
      digest: randomBytes(16),
      mine: randomBytes(4),
      keptFor: [],
      record: randomBytes(1_000),
    }));
    database.begin();
    for (const row of rows) database.write(row);
    database.commit();
    return rows;
  }

  function logPages(): number {
    return statSync(join(dir, "data.db-wal")).size / PAGE_BYTES;
  }

  /** Writes and reads that never pause; the largest size of the log, in pages. */
  function underLoad({ mayRestart }: { mayRestart: boolean }): number {
    const reader = new SqliteDatabase({ path: join(dir, "data.db"), role: "read", cacheBytes: 1 << 20 });
    for (let i = 0; i < 200; i++) {
      reader.begin();
      reader.scan(undefined, 1);
      commitRows(20);
      if (i % 5 === 0) checkpointer.look();
      reader.commit();
      if (restarts > 0 && mayRestart) writer.restartLog(20);
      if (mayRestart) restarts = 0;
    }
    reader.close();
    expect(writer.count()).to.equal(4_000);
    return logPages();
  }

  it("keeps the log bounded under writes and reads that never pause", () => {
    expect(underLoad({ mayRestart: true })).to.be.lessThan(4 * PAGES_MIN);
  });

  it("would see the log grow without end if the writer never restarted it", () => {
    expect(underLoad({ mayRestart: false })).to.be.greaterThan(10 * PAGES_MIN);
    expect(restarts).to.be.greaterThan(0);
  });

  it("copies what is left once the writer pauses, however little", () => {
    commitRows(1);
    expect(checkpointer.look(), "in use").to.equal(true);
    expect(checkpointer.look(), "paused: copied").to.equal(true);
    expect(checkpointer.look(), "nothing left").to.equal(false);
    expect(restarts).to.equal(0);
  });

  for (const shrinks of [true, false]) {
    it(`${shrinks ? "gives back" : "leaves alone"} what is free in a file that ${shrinks ? "shrinks" : "was made by an earlier build"}`, () => {
      const path = join(dir, "hints.db");
      // An earlier build made it otherwise; this one opens it as it does all.
      new SqliteDatabase({ path, role: "write", cacheBytes: 1 << 20, shrinks }).close();
      const hints = new SqliteDatabase({ path, role: "write", cacheBytes: 1 << 20, shrinks: true });
      const shrinking = new Checkpointer({ path, pagesMin: PAGES_MIN, askForRestart: () => undefined });
      const kept = fill(hints, 4_000);
      while (shrinking.look());
      const full = statSync(path).size;
      hints.begin();
      for (const { position } of kept.splice(0, 3_990)) hints.remove(position);
      hints.commit();
      for (let looks = 0; shrinking.look(); looks++) expect(looks, "it ends").to.be.lessThan(200);
      const share = statSync(path).size / full;
      if (shrinks) expect(share).to.be.lessThan(0.3);
      else expect(share).to.equal(1);
      expect(hints.scan(undefined, 100)).to.have.deep.members(kept);
      shrinking.close();
      hints.close();
      const sound = new Sqlite(path);
      expect(sound.pragma("integrity_check", { simple: true })).to.equal("ok");
      sound.close();
    });
  }

  it("does not wait for a reader that holds the log", () => {
    const reader = new SqliteDatabase({ path: join(dir, "data.db"), role: "read", cacheBytes: 1 << 20 });
    commitRows(20);
    reader.begin();
    reader.scan(undefined, 1);
    commitRows(500);
    checkpointer.look();
    const started = performance.now();
    writer.restartLog(20);
    expect(performance.now() - started).to.be.lessThan(1_000);
    reader.commit();
    reader.close();
    commitRows(1);
    expect(writer.count()).to.equal(521);
  });
});
