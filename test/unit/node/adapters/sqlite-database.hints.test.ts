import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { expect } from "chai";
import { md5Digester } from "../../../../node/adapters/md5.ts";
import { SqliteDatabase } from "../../../../node/adapters/sqlite-database.ts";
import { mendedHint } from "../../../../node/core/storage/mend-hint.ts";
import { NO_OWNER } from "../../../../node/core/ports/hint-store.ts";
import { OWNER_A, OWNER_B } from "../core/storage/sample-writes.ts";

const position = new Uint8Array(16).fill(7);
const record = new Uint8Array(100).fill(3);
const row = {
  position,
  record,
  digest: md5Digester.md5(record),
  mine: new Uint8Array(0),
  keptFor: [OWNER_A, OWNER_B],
};

/** A bit of an owner's id flips in the file: in the row, in the index, or in both. */
describe("SqliteDatabase: owners of a hint that rot", () => {
  let directory: string;
  let path: string;
  let database: SqliteDatabase;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "dynamokv-owners-"));
    path = join(directory, "hints.db");
    database = open();
    database.begin();
    database.write(row);
    database.commit();
  });
  afterEach(() => {
    database.close();
    rmSync(directory, { recursive: true });
  });

  function open(): SqliteDatabase {
    return new SqliteDatabase({ path, role: "write", cacheBytes: 1 << 20 });
  }

  /** @param which of the places where the owners stand in the file, in its order; there are two */
  function rot(...which: readonly number[]): void {
    database.close();
    const bytes = readFileSync(path);
    const places: number[] = [];
    for (let at = bytes.indexOf(OWNER_A); at >= 0; at = bytes.indexOf(OWNER_A, at + 1)) places.push(at);
    expect(places, "in the row and in the index").to.have.length(2);
    const file = openSync(path, "r+");
    for (const each of which) writeSync(file, Uint8Array.of(bytes[places[each]!]! ^ 1), 0, 1, places[each]);
    closeSync(file);
    database = open();
  }

  function mend(owner: typeof OWNER_A): boolean {
    database.begin();
    const found = database.read(position)!;
    const { after, isLost } = mendedHint(found, undefined, { position, owner }, md5Digester);
    database.remove(position);
    if (after !== undefined) database.write(after);
    database.commit();
    return isLost;
  }

  function isSoundFile(): boolean {
    const raw = new Sqlite(path, { readonly: true });
    const answer = raw.pragma("integrity_check", { simple: true });
    raw.close();
    return answer === "ok";
  }

  it("are found and struck off where both copies rotted alike", () => {
    rot(0, 1);
    expect(database.positionsKeptFor(OWNER_A, undefined, 9)).to.deep.equal([]);
    expect(database.positionsKeptFor(NO_OWNER, undefined, 9)).to.have.length(1);
    expect(database.countKept().hintsByOwner.size).to.equal(0);
    expect(mend(NO_OWNER)).to.equal(true);
    expect([database.count(), isSoundFile()]).to.deep.equal([0, true]);
  });

  for (const which of [0, 1]) {
    it(`are found where copy ${which} of the two rotted: mended if it was the index, else struck off`, () => {
      rot(which);
      const unreadable = database.positionsKeptFor(NO_OWNER, undefined, 9).length;
      const isIndex = unreadable === 1;
      expect(mend(isIndex ? NO_OWNER : OWNER_A)).to.equal(!isIndex);
      expect([database.count(), isSoundFile()]).to.deep.equal([isIndex ? 1 : 0, true]);
      const found = database.positionsKeptFor(OWNER_A, undefined, 9);
      expect(found).to.have.length(isIndex ? 1 : 0);
    });
  }

  for (const which of [0, 1]) {
    it(`do not keep the row from being written where copy ${which} of the two rotted`, () => {
      rot(which);
      database.begin();
      database.write({ ...row, keptFor: [OWNER_B] });
      database.commit();
      expect(database.read(position)?.keptFor).to.deep.equal([OWNER_B]);
      expect(database.positionsKeptFor(OWNER_B, undefined, 10)).to.have.length(1);
      expect(database.positionsKeptFor(NO_OWNER, undefined, 10)).to.deep.equal([]);
    });
  }

  it("get their checksum in a file of an earlier build, which must not open it any more", () => {
    database.close();
    const raw = new Sqlite(path);
    raw.exec(`UPDATE record SET kept_for = '${OWNER_A} ${OWNER_B}'; PRAGMA user_version = 2;`);
    raw.close();
    database = open();
    expect(database.read(position)!.keptFor).to.deep.equal([OWNER_A, OWNER_B]);
    expect([...database.countKept().hintsByOwner]).to.deep.equal([
      [OWNER_A, 1],
      [OWNER_B, 1],
    ]);
    expect(database.positionsKeptFor(NO_OWNER, undefined, 9)).to.deep.equal([]);
  });
});
