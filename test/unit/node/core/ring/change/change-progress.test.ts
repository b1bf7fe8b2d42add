import { expect } from "chai";
import {
  barrierOf,
  endLacks,
  flipLacks,
  movesOf,
  type PartitionMove,
  transferSources,
} from "../../../../../../node/core/ring/change/change-progress.ts";
import { InvariantBroken } from "../../../../../../node/core/invariant.ts";
import { previewChange } from "../../../../../../node/core/ring/change/change-preview.ts";
import { member, membersOf, nodeId, ringOf } from "../made-ring.ts";
import { join, leave, planned } from "./change-scenes.ts";
import { changed, raised } from "./elastic-rings.ts";

const [a, b, c, d] = [nodeId(0), nodeId(1), nodeId(2), nodeId(3)];
const move: PartitionMove = { partition: 7, before: [a, b, c], after: [b, c, d], gaining: [d] };
const among =
  (...nodes: readonly string[]) =>
  (node: string): boolean =>
    nodes.includes(node);

describe("change progress", () => {
  it("has the moves that the preview promised, and none without a change", () => {
    const ring = ringOf({ members: membersOf(5) });
    for (const request of [join(member(5)), leave(member(1))]) {
      const { transfer, flipped, ended } = changed(raised(ring), request);
      const moves = movesOf(transfer);
      const promised = previewChange(ring, planned(ring, request)).transfers;
      expect(
        moves.flatMap(({ partition, gaining }) => gaining.map((to) => ({ partition, to }))),
      ).to.deep.equal(promised.map(({ partition, to }) => ({ partition, to })));
      expect(movesOf(flipped)).to.deep.equal(moves);
      expect(movesOf(ended)).to.deep.equal([]);
    }
  });

  it("needs so many owners that no quorum is left without one of them", () => {
    for (let owners = 1; owners <= 7; owners++)
      for (let quorum = 1; quorum <= owners; quorum++)
        expect(barrierOf({ owners, quorum })).to.equal(owners - quorum + 1);
    expect(barrierOf({ owners: 1, quorum: 2 })).to.equal(1);
    expect(() => barrierOf({ owners: 0, quorum: 1 })).to.throw(InvariantBroken);
  });

  it("begins to transfer when N-W+1 owners fence, and then from those alone", () => {
    expect(transferSources(move, { w: 2, isFencing: among(a) })).to.equal(undefined);
    expect(transferSources(move, { w: 2, isFencing: among(a, d) })).to.equal(undefined);
    expect(transferSources(move, { w: 2, isFencing: among(a, c) })).to.deep.equal([a, c]);
    expect(transferSources(move, { w: 3, isFencing: among(c) })).to.deep.equal([c]);
    expect(transferSources(move, { w: 1, isFencing: among(a, b) })).to.equal(undefined);
  });

  it("flips when each gaining node has compared with so many of them, whoever else it met", () => {
    const lacks = (...compared: readonly (typeof a)[]) =>
      flipLacks([move], { w: 2, comparedWith: () => compared });
    expect(lacks(a)).to.deep.equal([{ partition: 7, node: d, has: 1, needs: 2 }]);
    expect(lacks(a, a, d)).to.deep.equal([{ partition: 7, node: d, has: 1, needs: 2 }]);
    expect(lacks(a, c)).to.deep.equal([]);
  });

  it("ends when N-R+1 of the owners before have acknowledged the flip", () => {
    const lacks = (r: number, ...fencing: readonly (typeof a)[]) =>
      endLacks([move], { r, isFencing: among(...fencing) });
    expect(lacks(2, a, d)).to.deep.equal([{ partition: 7, node: undefined, has: 1, needs: 2 }]);
    expect(lacks(2, a, b)).to.deep.equal([]);
    expect(lacks(1, a, b)).to.deep.equal([{ partition: 7, node: undefined, has: 2, needs: 3 }]);
  });
});
