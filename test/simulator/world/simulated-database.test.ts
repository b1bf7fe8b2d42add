import { expect } from "chai";
import { DatabaseFailure, type StoredRow } from "../../../node/core/ports/database.ts";
import { parseNodeId } from "../../../node/core/node-id.ts";
import { EventLoop } from "./event-loop.ts";
import { Incarnation } from "./incarnation.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SimulatedDatabase, SimulatedReaderDatabase } from "./simulated-database.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import { VirtualThread } from "./virtual-thread.ts";

const place = new Uint8Array(16).fill(7);

function row(text: string): StoredRow {
  const record = new TextEncoder().encode(text);
  return { position: place, record, digest: new Uint8Array(16), mine: new Uint8Array(0), keptFor: [] };
}

function setUp(seed = 1) {
  const random = SeededRandom.ofSeed(seed);
  const loop = new EventLoop(random);
  const owner = new Incarnation(parseNodeId("00000000-0000-4000-8000-000000000001"), 1);
  const thread = new VirtualThread(loop, owner);
  const disk = new SimulatedDisk();
  const hooks = { wrote: () => undefined, committing: () => undefined, commitFailed: () => undefined };
  const database = new SimulatedDatabase({ file: disk.data, disk, thread, random, hooks });
  const reader = new SimulatedReaderDatabase(disk.data, new VirtualThread(loop, owner));
  return { random, loop, owner, thread, disk, database, reader };
}

describe("simulator: database", () => {
  it("lets what is posted before a commit out before it is durable, and what is posted after it afterwards", async () => {
    const { loop, thread, disk, database, reader } = setUp();
    const seen: string[] = [];
    const look = (when: string) => () =>
      seen.push(`${when}: ${reader.count()} rows, syncing ${disk.data.isSyncing}`);
    thread.run(() => {
      database.begin();
      database.write(row("a"));
      thread.effect(look("before"));
      database.commit();
      expect(database.count()).to.equal(1);
      thread.effect(look("after"));
    });
    await loop.runUntil(100);
    expect(seen).to.deep.equal(["before: 0 rows, syncing false", "after: 1 rows, syncing false"]);
  });

  it("loses an open transaction and, now and then, a commit under way when the power goes", async () => {
    const outcomes = new Set<number>();
    for (let seed = 1; seed <= 60; seed++) {
      const { random, loop, owner, thread, disk, database } = setUp(seed);
      thread.run(() => {
        database.begin();
        database.write(row("a"));
        database.commit();
        thread.effect(() => outcomes.add(-1));
      });
      await loop.runUntil(0.1);
      expect(disk.data.isSyncing, `seed ${seed}`).to.equal(true);
      owner.alive = false;
      disk.crash(random, { kept: 0.5 });
      await loop.runUntil(100);
      outcomes.add(disk.data.rows.size);
    }
    expect([...outcomes]).to.have.members([0, 1]);
  });

  it("throws a commit that fails, and may find its rows after a crash all the same", async () => {
    const found = new Set<number>();
    for (let seed = 1; seed <= 40; seed++) {
      const { random, loop, owner, thread, disk, database } = setUp(seed);
      disk.failingCommits = 1;
      thread.run(() => {
        database.begin();
        database.write(row("a"));
        expect(() => database.commit()).to.throw(DatabaseFailure);
        database.rollback();
        expect(database.count()).to.equal(0);
      });
      await loop.runUntil(100);
      expect(disk.data.rows.size).to.equal(0);
      owner.alive = false;
      disk.crash(random, { kept: 0.5 });
      found.add(disk.data.rows.size);
    }
    expect([...found]).to.have.members([0, 1]);
  });

  it("keeps the tree's changes of a commit or loses them with its rows, never one without the other", async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const { random, loop, owner, thread, disk, database, reader } = setUp(seed);
      if (seed % 3 === 0) disk.failingCommits = 1;
      thread.run(() => {
        database.begin();
        database.write(row("a"));
        database.tree.writeChanges({ seq: 1, changes: new Uint8Array(24) });
        try {
          database.commit();
        } catch {
          database.rollback();
          expect(database.tree.changes(0)).to.have.length(0);
        }
      });
      await loop.runUntil(seed % 2 === 0 ? 0.1 : 100);
      owner.alive = false;
      disk.crash(random, { kept: 0.5 });
      outcomes.add(`${disk.data.rows.size} rows, ${reader.tree.changes(0).length} lists`);
    }
    expect([...outcomes]).to.have.members(["0 rows, 0 lists", "1 rows, 1 lists"]);
  });

  it("hands out bytes of its own", async () => {
    const { loop, thread, database } = setUp();
    thread.run(() => {
      database.begin();
      const written = row("a");
      database.write(written);
      written.record.fill(0);
      database.read(place)!.record.fill(0);
      expect(new TextDecoder().decode(database.read(place)!.record)).to.equal("a");
      database.commit();
    });
    await loop.runUntil(100);
  });
});
