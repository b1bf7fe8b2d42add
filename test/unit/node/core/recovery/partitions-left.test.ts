import { expect } from "chai";
import { PartitionsLeft } from "../../../../../node/core/recovery/partitions-left.ts";
import { routesOf } from "../../../../../node/core/ring/change/change-routes.ts";
import type { KeepersRing } from "../../../../../node/core/ring/keepers.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { join } from "../ring/change/change-scenes.ts";
import { changed, raised } from "../ring/change/elastic-rings.ts";
import { member, membersOf, nodeId, ringOf } from "../ring/made-ring.ts";

const SELF = nodeId(0);

function stateOf(members: number): KeepersRing {
  return serving(ringOf({ members: membersOf(members), partitions: 16 }));
}

function serving(ring: Ring): KeepersRing {
  const routes = routesOf(ring);
  return {
    current: () => ring,
    hash: () => "",
    preferenceList: (partition) => routes[partition]!.read,
    routes: (partition) => routes[partition]!,
  };
}

describe("PartitionsLeft", () => {
  it("counts the partitions that this node owns until each co-owner was compared in each", () => {
    const ring = stateOf(3);
    const left = new PartitionsLeft(SELF);
    const all = Array.from({ length: 16 }, (_, partition) => partition);
    expect(left.count(ring)).to.equal(16);
    left.compared(nodeId(1), all);
    expect([left.count(ring), left.peersLeft(ring)]).to.deep.equal([16, [nodeId(2)]]);
    left.compared(nodeId(2), all.slice(0, 15));
    expect([left.count(ring), left.peersLeft(ring)]).to.deep.equal([1, [nodeId(2)]]);
    left.compared(nodeId(2), all.slice(15));
    expect([left.count(ring), left.peersLeft(ring)]).to.deep.equal([0, []]);
  });

  it("leaves out partitions of others, and wants more where the ring gives more", () => {
    const left = new PartitionsLeft(SELF);
    const five = stateOf(5);
    const owned = left.count(five)!;
    expect(owned).to.be.within(1, 15);
    for (let n = 1; n < 5; n++) {
      const shared = Array.from({ length: 16 }, (_, p) => p).filter((p) =>
        [SELF, nodeId(n)].every((node) => five.preferenceList(p).owners.includes(node)),
      );
      left.compared(nodeId(n), shared);
    }
    expect(left.count(five)).to.equal(0);
    expect(left.count(stateOf(3))).to.be.greaterThan(0);
  });

  it("counts what a change is to bring until it is owned and was compared, or the change is cancelled", () => {
    const settled = raised(ringOf({ members: membersOf(3), partitions: 16 }));
    const rings = changed(settled, join(member(3)));
    const left = new PartitionsLeft(nodeId(3));
    const gained = left.count(serving(rings.transfer))!;
    expect(gained).to.be.within(1, 15);
    expect(left.peersLeft(serving(rings.transfer))).to.deep.equal([]);
    expect(left.count(serving(rings.cancelled))).to.equal(0);
    expect(left.count(serving(rings.flipped))).to.equal(gained);
    const all = Array.from({ length: 16 }, (_, partition) => partition);
    for (const n of [0, 1, 2]) left.compared(nodeId(n), all);
    expect(left.count(serving(rings.transfer)), "before the flip nobody says that it has all").to.equal(
      gained,
    );
    expect(left.count(serving(rings.flipped))).to.equal(0);
  });

  it("has nothing to wait for where nobody else owns anything, and cannot say without a ring", () => {
    const left = new PartitionsLeft(SELF);
    expect(left.count(stateOf(1))).to.equal(0);
    const none = { ...stateOf(1), current: () => undefined };
    expect(left.count(none)).to.equal(undefined);
    expect(left.peersLeft(none)).to.deep.equal([]);
  });
});
