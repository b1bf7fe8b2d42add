import { expect } from "chai";
import type { AdminRing } from "../../../node/contract/admin-types.ts";
import { drawChange, MEMBERS_MIN } from "./ring-change-draw.ts";
import { SeededDraw } from "./seeded-draw.ts";
import { SeenChanges } from "./seen-changes.ts";

type Members = Readonly<Record<string, "active" | "joining" | "leaving">>;

function ringOf(epoch: number, members: Members, change: AdminRing["change"] = null): AdminRing {
  return {
    generation: 0,
    epoch,
    members: Object.entries(members).map(([id, state]) => ({ id, state, zone: "" })),
    change,
  } as unknown as AdminRing;
}

function under(changeId: string, phase: "transfer" | "flipped"): NonNullable<AdminRing["change"]> {
  return { changeId, phase, type: "join" };
}

const SETTLED: Members = { a: "active", b: "active", c: "active" };

describe("cluster: what became of ring changes", () => {
  it("tells a change that ended from one that was cancelled, also where the next is under way by then", () => {
    const seen = new SeenChanges();
    seen.saw(ringOf(2, SETTLED));
    seen.saw(ringOf(3, { ...SETTLED, d: "joining" }, under("one", "transfer")));
    expect(seen.counts()).to.deep.equal({ begun: 1, flipped: 0, ended: 0, cancelled: 0 });
    seen.saw(ringOf(4, { ...SETTLED, d: "joining" }, under("one", "flipped")));
    expect(seen.counts()).to.deep.equal({ begun: 1, flipped: 1, ended: 0, cancelled: 0 });
    // The end of "one" was not seen.
    seen.saw(ringOf(6, { ...SETTLED, d: "leaving" }, under("two", "transfer")));
    seen.saw(ringOf(7, { ...SETTLED, d: "active" }));
    expect(seen.counts()).to.deep.equal({ begun: 2, flipped: 1, ended: 1, cancelled: 1 });
    // Cancelled, and the same node joins again.
    seen.saw(ringOf(8, { ...SETTLED, d: "active", e: "joining" }, under("three", "transfer")));
    seen.saw(ringOf(10, { ...SETTLED, d: "active", e: "joining" }, under("four", "transfer")));
    expect(seen.counts()).to.deep.equal({ begun: 4, flipped: 1, ended: 1, cancelled: 2 });
  });

  it("takes no ring that is behind for news", () => {
    const seen = new SeenChanges();
    seen.saw(ringOf(3, { ...SETTLED, d: "joining" }, under("one", "transfer")));
    seen.saw(ringOf(2, SETTLED));
    expect(seen.latest?.epoch).to.equal(3);
    expect(seen.counts().cancelled).to.equal(0);
  });

  it("counts a change that was answered and never seen as begun, once", () => {
    const seen = new SeenChanges();
    seen.begun("one");
    seen.saw(ringOf(3, { ...SETTLED, d: "joining" }, under("one", "transfer")));
    seen.begun("two");
    expect(seen.counts().begun).to.equal(2);
  });
});

describe("cluster: which ring change is asked for", () => {
  it("every type and count comes up, and never one that leaves too few members or names a node twice", () => {
    const draw = new SeededDraw(1);
    const ids = ["a", "b", "c", "d", "e", "f", "g"];
    const kinds = new Set<string>();
    for (let i = 0; i < 500; i++) {
      const size = MEMBERS_MIN + (i % 4);
      const members = ids.slice(0, size).map((id) => ({ id, zone: "", state: "active" }));
      const { type, joining, leaving } = drawChange({ members }, ids, () => draw.next())!;
      kinds.add(`${type} ${joining.length} ${leaving.length}`);
      expect(size + joining.length - leaving.length).to.be.at.least(MEMBERS_MIN);
      expect(joining.every((id) => ids.indexOf(id) >= size)).to.equal(true);
      expect(leaving.every((id) => ids.indexOf(id) < size)).to.equal(true);
    }
    expect([...kinds].sort()).to.deep.equal([
      "join 1 0",
      "join 2 0",
      "leave 0 1",
      "leave 0 2",
      "replace 1 1",
      "replace 2 2",
    ]);
  });
});
