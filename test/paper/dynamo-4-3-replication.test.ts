import { expect } from "chai";
import { preferenceLists } from "../../node/core/ring/preference-list.ts";
import { membersOf, nodeId, ringOf } from "../unit/node/core/ring/made-ring.ts";

describe("§4.3 Replication", () => {
  it("§4.3 figure 2: with N=3 the key in (A, B] is kept by B, C and D, its coordinator and the next two clockwise", () => {
    const [a, b, c, d, e, f, g, h] = Array.from({ length: 8 }, (_, n) => nodeId(n));
    const ring = ringOf({ members: membersOf(8), owners: [0, 1, 2, 3, 4, 5, 6, 7] });
    expect(preferenceLists(ring)[1]).to.deep.equal({
      partition: 1,
      owners: [b, c, d],
      fallbacks: [e, f, g, h, a],
    });
  });

  it("§4.3 figure 2: node D keeps the keys of (A, B], (B, C] and (C, D]", () => {
    const ring = ringOf({ members: membersOf(8), owners: [0, 1, 2, 3, 4, 5, 6, 7] });
    const keptByD = preferenceLists(ring).filter(({ owners }) => owners.includes(nodeId(3)));
    expect(keptByD.map(({ partition }) => partition)).to.deep.equal([1, 2, 3]);
  });

  it("§4.3 each data item is replicated at N hosts, N being configured per instance", () => {
    for (const replicas of [1, 2, 3, 5, 7]) {
      for (const { owners } of preferenceLists(ringOf({ members: membersOf(9), replicas }))) {
        expect(new Set(owners).size).to.equal(replicas);
      }
    }
  });

  it("§4.3 the preference list contains more than N nodes, to account for node failures", () => {
    for (const { owners, fallbacks } of preferenceLists(ringOf({ members: membersOf(9) }))) {
      expect(new Set([...owners, ...fallbacks]).size).to.equal(9);
    }
  });

  it("§4.3 it skips positions so that it holds distinct physical nodes: the next positions of one node count once", () => {
    const ring = ringOf({ members: membersOf(4), owners: [0, 0, 1, 0, 1, 1, 2, 3] });
    const [first] = preferenceLists(ring);
    expect(first!.owners).to.deep.equal([0, 1, 2].map(nodeId));
    expect(first!.fallbacks).to.deep.equal([3].map(nodeId));
  });

  it("§4.3 every node can determine the list of any key: it follows from the ring alone", () => {
    const ring = ringOf({ members: membersOf(6, 3) });
    const heard = JSON.parse(JSON.stringify(ring)) as typeof ring;
    expect(preferenceLists(heard)).to.deep.equal(preferenceLists(ring));
  });
});
