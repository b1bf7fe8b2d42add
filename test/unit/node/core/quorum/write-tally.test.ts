import { expect } from "chai";
import { parseNodeId } from "../../../../../node/core/node-id.ts";
import { WriteTally } from "../../../../../node/core/quorum/write-tally.ts";

const [a, b, c, standIn, joins] = [1, 2, 3, 4, 5].map((i) =>
  parseNodeId(`00000000-0000-4000-8000-00000000000${i}`),
) as [
  ReturnType<typeof parseNodeId>,
  ReturnType<typeof parseNodeId>,
  ReturnType<typeof parseNodeId>,
  ReturnType<typeof parseNodeId>,
  ReturnType<typeof parseNodeId>,
];

describe("write tally", () => {
  it("is reached at W durable acknowledgements, stand-ins included", () => {
    const tally = new WriteTally({ w: 2, pw: 0 }, [[a, b, c]]);
    for (const node of [a, b, standIn]) tally.asked(node);
    tally.acked(standIn, c);
    expect(tally.reached).to.equal(false);
    tally.acked(a);
    expect(tally.reached).to.equal(true);
    expect(tally.waiting).to.deep.equal([b]);
  });

  it("does not count a stand-in for PW", () => {
    const tally = new WriteTally({ w: 2, pw: 2 }, [[a, b, c]]);
    tally.acked(a);
    tally.acked(standIn, c);
    expect(tally.reached).to.equal(false);
    tally.acked(b);
    expect(tally.reached).to.equal(true);
  });

  it("counts one node once, however often it acknowledges", () => {
    const tally = new WriteTally({ w: 2, pw: 0 }, [[a, b, c]]);
    tally.acked(a);
    tally.acked(a);
    expect(tally.reached).to.equal(false);
    expect(tally.ackedCount).to.equal(1);
  });

  it("counts an owner and its stand-in as one copy, because the handoff makes them one", () => {
    const tally = new WriteTally({ w: 2, pw: 0 }, [[a, b, c]]);
    tally.acked(a);
    tally.acked(standIn, a);
    expect([tally.ackedCount, tally.reached]).to.deep.equal([1, false]);
    tally.acked(b);
    expect(tally.reached).to.equal(true);
  });

  it("waits for nobody who failed", () => {
    const tally = new WriteTally({ w: 1, pw: 0 }, [[a]]);
    tally.asked(a);
    tally.failed(a);
    expect(tally.waiting).to.deep.equal([]);
    expect(tally.reached).to.equal(false);
  });

  it("needs W in each of two sets of owners, and counts who owns in both in each", () => {
    const tally = new WriteTally({ w: 2, pw: 0 }, [
      [a, b, c],
      [b, c, joins],
    ]);
    tally.acked(a);
    tally.acked(b);
    expect([tally.reached, tally.ackedCount], "two of the owners before, one of those after").to.deep.equal([
      false,
      1,
    ]);
    tally.acked(joins);
    expect([tally.reached, tally.ackedCount]).to.deep.equal([true, 2]);
  });

  it("counts a stand-in in the sets of the owner that it stands in for", () => {
    const sets = [
      [a, b, c],
      [b, c, joins],
    ];
    const forOne = new WriteTally({ w: 2, pw: 0 }, sets);
    forOne.acked(b);
    forOne.acked(standIn, a);
    expect(forOne.reached).to.equal(false);
    const forBoth = new WriteTally({ w: 2, pw: 0 }, sets);
    forBoth.acked(b);
    forBoth.acked(standIn, c);
    expect(forBoth.reached).to.equal(true);
  });

  it("needs PW in each of two sets of owners", () => {
    const tally = new WriteTally({ w: 1, pw: 1 }, [[a], [joins]]);
    tally.acked(a);
    tally.acked(standIn, joins);
    expect([tally.reached, tally.ackedOwnerCount]).to.deep.equal([false, 0]);
    tally.acked(joins);
    expect(tally.reached).to.equal(true);
  });

  it("needs all of a set that is smaller than W, and W of the larger one", () => {
    const tally = new WriteTally({ w: 2, pw: 0 }, [[a], [a, b, c]]);
    tally.acked(a);
    expect(tally.reached).to.equal(false);
    tally.acked(c);
    expect(tally.reached).to.equal(true);
  });
});
