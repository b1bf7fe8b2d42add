import { expect } from "chai";
import { movesOf } from "../../../../../../node/core/ring/change/change-progress.ts";
import { copiesMoved } from "../../../../../../node/core/ring/change/copies-moved.ts";
import { member, membersOf, nodeId, ringOf } from "../made-ring.ts";
import { changed, raised } from "./elastic-rings.ts";

describe("copies moved", () => {
  const settled = raised(ringOf({ members: membersOf(3), partitions: 16 }));
  const request = { type: "join", joining: [member(3), member(4)], leaving: [] } as const;
  const { transfer, flipped } = changed(settled, request);

  it("counts a copy for each partition of each node that comes to own it", () => {
    const { moved, total, nodes } = copiesMoved(transfer, []);
    const gaining = movesOf(transfer).flatMap((move) => move.gaining);
    expect([moved, total]).to.deep.equal([gaining.length, gaining.length]);
    expect(nodes.map(({ id }) => id)).to.deep.equal([nodeId(3), nodeId(4)]);
  });

  it("takes those that lack something for not moved, until the flip", () => {
    const lacks = movesOf(transfer)
      .slice(0, 2)
      .flatMap(({ partition, gaining }) => gaining.map((node) => ({ partition, node, has: 0, needs: 2 })));
    const { moved, total } = copiesMoved(transfer, lacks);
    expect(total - moved)
      .to.equal(lacks.length)
      .and.be.greaterThan(0);
    const waits = [{ partition: 0, node: undefined, has: 1, needs: 2 }];
    expect(copiesMoved(flipped, waits).moved).to.equal(total);
  });

  it("is nothing in a settled ring", () => {
    expect(copiesMoved(settled, [])).to.deep.equal({ moved: 0, total: 0, nodes: [] });
  });
});
