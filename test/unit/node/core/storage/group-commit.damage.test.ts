import { expect } from "chai";
import { DatabaseFailure } from "../../../../../node/core/ports/database.ts";
import { compareBytes } from "../../../../../node/core/version/record.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { keyNamed, OWNER_A, writeOf } from "./sample-writes.ts";
import { StoreRig } from "./store-rig.ts";

const NAMES = Array.from({ length: 20 }, (_, i) => `key-${i}`);

/** As SQLite does where a page contradicts another one. */
class DamagedDatabase extends MemoryDatabase {
  damagedAt: Uint8Array | undefined;
  /** Whether its next transaction finds it mended. */
  isIndex = false;

  override begin(): void {
    super.begin();
    if (this.isIndex && this.hasMetDamage) this.damagedAt = undefined;
  }

  hasMetDamage = false;

  override read(position: Uint8Array) {
    if (this.damagedAt === undefined || compareBytes(position, this.damagedAt) !== 0)
      return super.read(position);
    this.hasMetDamage = true;
    throw new DatabaseFailure("damaged", "malformed");
  }
}

describe("GroupCommit: a write that meets a damaged page", () => {
  async function putAll(data: DamagedDatabase, names: readonly string[]) {
    const rig = new StoreRig({ data });
    const written = names.map((name, i) =>
      rig.store.coordinate(writeOf(name, "a", { keptFor: i % 4 === 3 ? [OWNER_A] : [] })),
    );
    const stored = await rig.until(Promise.all(written.map(({ durable }) => durable)));
    const merged = await Promise.all(written.map((each) => each.merged));
    const failed = rig.events.flatMap((event) => (event.kind === "commit_failed" ? [event.code] : []));
    return { fates: stored.map((each) => (each.ok ? "ok" : each.code)), merged, failed, rig };
  }

  for (const bad of [0, 5, 16]) {
    it(`fails, and none of its neighbours: number ${bad} of 20`, async () => {
      const data = new DamagedDatabase();
      data.damagedAt = keyNamed(NAMES[bad]!).position;
      const { fates, merged, failed, rig } = await putAll(data, NAMES);
      expect(fates).to.deep.equal(NAMES.map((_, i) => (i === bad ? "storage_failed" : "ok")));
      expect(merged.map(({ ok }) => ok)).to.deep.equal(NAMES.map((_, i) => i !== bad));
      expect(failed).to.deep.equal(["damaged"]);
      expect(rig.store.rows()).to.include({ data: 14, hints: 5 });
    });
  }

  for (const names of [NAMES, NAMES.slice(0, 1)]) {
    it(`is done where it was an index, which its database mends: one of ${names.length}`, async () => {
      const data = new DamagedDatabase();
      data.damagedAt = keyNamed(NAMES[0]!).position;
      data.isIndex = true;
      const { fates, failed } = await putAll(data, names);
      expect([new Set(fates), failed]).to.deep.equal([new Set(["ok"]), []]);
    });
  }
});
