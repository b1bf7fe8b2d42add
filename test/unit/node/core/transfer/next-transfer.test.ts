import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { nextTransfer, type TransferView } from "../../../../../node/core/transfer/next-transfer.ts";
import { nodeId } from "../ring/made-ring.ts";

const [A, B, C, D, G] = [0, 1, 2, 3, 9].map(nodeId) as [NodeId, NodeId, NodeId, NodeId, NodeId];
const move = (partition: number, ...before: NodeId[]) => ({ partition, before, after: [G], gaining: [G] });

function view(given: Partial<TransferView>): TransferView {
  return {
    moves: [],
    w: 2,
    isFencing: () => true,
    isUsable: () => true,
    isBusy: () => false,
    equalWith: () => new Set(),
    turn: 0,
    ...given,
  };
}

describe("the next transfer", () => {
  it("is from the source that most partitions lack, a few at a time", () => {
    const moves = [move(1, A, B, C), move(2, B, C, D), move(3, B, A, D), move(4, B, C, D), move(5, B, C, D)];
    expect(nextTransfer(view({ moves }))).to.deep.equal({ source: B, partitions: [1, 2, 3, 4] });
    expect(nextTransfer(view({ moves, isUsable: (id) => id !== B }))?.source).to.equal(C);
    expect(nextTransfer(view({ moves, isBusy: (partition) => partition < 5 }))).to.deep.equal({
      source: B,
      partitions: [5],
    });
  });

  it("begins elsewhere at each turn where several are as good", () => {
    const moves = [move(1, A, B, C)];
    const sources = [0, 1, 2].map((turn) => nextTransfer(view({ moves, turn }))?.source);
    expect(sources).to.deep.equal([A, B, C]);
  });

  it("comes to every partition in turn, whichever never become equal", () => {
    const moves = Array.from({ length: 10 }, (_, partition) => move(partition, A, B));
    const ofA = new Set<number>();
    for (let turn = 0; turn < 2 * moves.length; turn++) {
      const next = nextTransfer(view({ moves, turn }))!;
      expect(next.partitions).to.have.length(4);
      if (next.source === A) for (const partition of next.partitions) ofA.add(partition);
    }
    expect(ofA.size).to.equal(moves.length);
  });

  it("is none while fewer than N-W+1 owners have taken over the begin", () => {
    const moves = [move(1, A, B, C)];
    expect(nextTransfer(view({ moves, isFencing: (id) => id === A }))).to.equal(undefined);
    expect(nextTransfer(view({ moves, w: 3, isFencing: (id) => id === A }))?.source).to.equal(A);
  });

  it("is for partitions that lack a source of the barrier before it is for the rest", () => {
    const moves = [move(1, A, B, C), move(2, A, B, C), move(3, A, B, C)];
    const done = new Map([
      [1, new Set([A, B])],
      [2, new Set([A, B])],
      [3, new Set([C])],
    ]);
    const equalWith = (partition: number) => done.get(partition)!;
    expect(nextTransfer(view({ moves, equalWith }))).to.deep.equal({ source: A, partitions: [3] });
    done.set(3, new Set([A, C]));
    expect(nextTransfer(view({ moves, equalWith }))).to.deep.equal({ source: C, partitions: [1, 2] });
    for (const partition of [1, 2, 3]) done.set(partition, new Set([A, B, C]));
    expect(nextTransfer(view({ moves, equalWith }))).to.equal(undefined);
  });
});
