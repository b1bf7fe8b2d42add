import { expect } from "chai";
import fc from "fast-check";
import { previewChange } from "../../../../../../node/core/ring/change/change-preview.ts";
import type { ChangeRequest } from "../../../../../../node/core/ring/change/change-request.ts";
import { preferenceLists } from "../../../../../../node/core/ring/preference-list.ts";
import type { Ring } from "../../../../../../node/core/ring/ring.ts";
import { member, membersOf, ringOf } from "../made-ring.ts";
import { join, leave, planned, replace, ringAfter, scenes } from "./change-scenes.ts";

const previewOf = (ring: Ring, request: ChangeRequest) => previewChange(ring, planned(ring, request));

describe("change preview", () => {
  it("lists each copy that a node has afterwards and not before, and nothing else", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request }) => {
        const plan = planned(ring, request);
        const { transfers, copiesMovedMin, nodes } = previewChange(ring, plan);
        const held = preferenceLists(ring).map(({ owners }) => new Set(owners));
        for (const { partition, from, to } of transfers) {
          expect(held[partition]!.has(to)).to.equal(false);
          held[partition]!.add(to);
          if (from !== undefined) expect(held[partition]!.delete(from)).to.equal(true);
        }
        const after = preferenceLists(ringAfter(ring, plan)).map(({ owners }) => new Set(owners));
        held.forEach((owners, partition) => expect([...owners]).to.include.members([...after[partition]!]));
        expect(transfers.length).to.be.at.least(copiesMovedMin);
        const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
        expect(sum(nodes.map(({ owned }) => owned.after))).to.equal(ring.parameters.partitions);
        expect(sum(nodes.map(({ copies }) => copies.after))).to.equal(sum(after.map(({ size }) => size)));
      }),
      { numRuns: 20 },
    );
  });

  it("moves at most 1.1 of the least for joins and leaves of one or two nodes, with zones as usual", () => {
    // None, or N zones; members added and taken in turns, as a stateful set does. Q=256, N=3.
    for (const zones of [0, 3]) {
      for (let count = 3; count <= 60; count += count < 12 ? 1 : 4) {
        for (const more of [1, 2]) {
          const all = membersOf(count + more, zones);
          const small = ringOf({ members: all.slice(0, count) });
          const grow = previewOf(small, join(...all.slice(count)));
          const grown = ringAfter(small, planned(small, join(...all.slice(count))));
          const shrink = previewOf(grown, leave(...all.slice(count)));
          for (const [step, { transfers, copiesMovedMin }] of Object.entries({ grow, shrink }))
            expect(
              transfers.length / copiesMovedMin,
              `${step}, ${zones} zones, ${count} and ${more}`,
            ).to.be.at.most(1.1);
        }
      }
    }
  });

  it("moves from three nodes to five and back exactly what must move", () => {
    const all = membersOf(5);
    const three = ringOf({ members: all.slice(0, 3) });
    const grow = planned(three, join(...all.slice(3)));
    const there = previewChange(three, grow);
    expect(there.transfers).to.have.length(there.copiesMovedMin);
    expect(there.copiesMovedMin).to.equal(306);
    const five = ringAfter(three, grow);
    const back = previewOf(five, leave(...all.slice(3)));
    expect(back.transfers).to.have.length(306);
    expect(back.copiesMovedMin).to.equal(306);
  });

  it("moves for a replace what the leaving node had, to the one in its place", () => {
    const members = membersOf(6);
    const ring = ringOf({ members });
    const { transfers, nodes, copiesMovedMin } = previewOf(ring, replace([members[1]!], [member(90)]));
    const gone = nodes.find(({ id }) => id === members[1]!.id)!;
    expect(gone.copies.after).to.equal(0);
    expect(transfers).to.have.length(gone.copies.before);
    expect(copiesMovedMin).to.equal(gone.copies.before);
    for (const { from, to } of transfers) expect([from, to]).to.deep.equal([members[1]!.id, member(90).id]);
  });

  it("names no giver where a partition only gains a copy", () => {
    const ring = ringOf({ members: membersOf(2) });
    const { transfers } = previewOf(ring, join(member(2)));
    expect(transfers).to.have.length(256);
    expect(transfers.every(({ from }) => from === undefined)).to.equal(true);
  });

  it("sums up the bytes of what moves, where they are known", () => {
    const ring = ringOf({ members: membersOf(3), partitions: 64 });
    const plan = planned(ring, join(member(3)));
    expect(previewChange(ring, plan).bytesMoved).to.equal(undefined);
    const { transfers, bytesMoved } = previewChange(ring, plan, new Array<number>(64).fill(10));
    expect(bytesMoved).to.equal(transfers.length * 10);
  });
});
