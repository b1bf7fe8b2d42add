import { expect } from "chai";
import fc from "fast-check";
import {
  coOwners,
  leafGroups,
  partitionOfLeaf,
  sharedPartitions,
} from "../../../../../node/core/antientropy/shared-partitions.ts";
import { LEAF_COUNT, LEAVES_PER_READ_MAX } from "../../../../../node/core/ports/merkle-store.ts";
import { preferenceLists } from "../../../../../node/core/ring/preference-list.ts";
import type { RingState } from "../../../../../node/core/ring/ring-state.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";

function stateOf(nodes: number, replicas: number): RingState {
  const ring = ringOf({ members: membersOf(nodes), replicas, partitions: 64 });
  const lists = preferenceLists(ring);
  return { current: () => ring, hash: () => "", preferenceList: (partition) => lists[partition]! };
}

describe("what two nodes share", () => {
  it("is the same seen from both sides, and all of it where every node owns all", () => {
    const ring = stateOf(5, 3);
    for (const n of [1, 2, 3, 4])
      expect(sharedPartitions(ring, nodeId(0), nodeId(n))).to.deep.equal(
        sharedPartitions(ring, nodeId(n), nodeId(0)),
      );
    expect(sharedPartitions(stateOf(3, 3), nodeId(0), nodeId(2)).length).to.equal(64);
    expect(sharedPartitions(ring, nodeId(0), nodeId(9))).to.deep.equal([]);
  });

  it("names as co-owners those with whom something is shared, never the node itself", () => {
    expect(coOwners(stateOf(3, 3), nodeId(1))).to.deep.equal([nodeId(0), nodeId(2)]);
    expect(coOwners(stateOf(3, 1), nodeId(1))).to.deep.equal([]);
    expect(coOwners(stateOf(3, 3), nodeId(7))).to.deep.equal([]);
  });

  it("is asked for in groups that hold each leaf of the partitions once, within the bound", () => {
    const partitionCounts = fc.constantFrom(8, 256, 1_024, 65_536);
    fc.assert(
      fc.property(partitionCounts, fc.uniqueArray(fc.nat({ max: 7 }), { minLength: 1 }), (count, some) => {
        const partitions = some.sort((a, b) => a - b);
        const leaves: number[] = [];
        for (const group of leafGroups(partitions, count)) {
          expect(group.reduce((sum, range) => sum + range.count, 0)).to.be.at.most(LEAVES_PER_READ_MAX);
          for (const { first, count: length } of group)
            for (let leaf = first; leaf < first + length; leaf++) leaves.push(leaf);
        }
        expect(leaves).to.deep.equal([...new Set(leaves)].sort((a, b) => a - b));
        expect(leaves.length).to.equal((partitions.length * LEAF_COUNT) / count);
        expect([...new Set(leaves.map((leaf) => partitionOfLeaf(leaf, count)))]).to.deep.equal(partitions);
      }),
      { numRuns: 30 },
    );
  });

  it("joins neighbours, so that all partitions of a fine ring are asked for in few ranges", () => {
    const all = Array.from({ length: 65_536 }, (_, i) => i);
    const groups = leafGroups(all, 65_536);
    expect(groups.length).to.equal(256);
    expect(groups.every((ranges) => ranges.length === 1)).to.equal(true);
  });
});
