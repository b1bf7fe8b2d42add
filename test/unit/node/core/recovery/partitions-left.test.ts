import { expect } from "chai";
import { PartitionsLeft } from "../../../../../node/core/recovery/partitions-left.ts";
import { preferenceLists } from "../../../../../node/core/ring/preference-list.ts";
import type { RingState } from "../../../../../node/core/ring/ring-state.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";

const SELF = nodeId(0);

function stateOf(members: number): RingState {
  const ring = ringOf({ members: membersOf(members), partitions: 16 });
  const lists = preferenceLists(ring);
  return { current: () => ring, hash: () => "", preferenceList: (partition) => lists[partition]! };
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

  it("has nothing to wait for where nobody else owns anything, and cannot say without a ring", () => {
    const left = new PartitionsLeft(SELF);
    expect(left.count(stateOf(1))).to.equal(0);
    const none = { ...stateOf(1), current: () => undefined };
    expect(left.count(none)).to.equal(undefined);
    expect(left.peersLeft(none)).to.deep.equal([]);
  });
});
