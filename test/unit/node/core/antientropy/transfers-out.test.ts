import { expect } from "chai";
import { TransfersOut } from "../../../../../node/core/antientropy/transfers-out.ts";
import { nodeId } from "../ring/made-ring.ts";

describe("the nodes that copies are given to at a time", () => {
  it("are two; a third gets a place once one has not asked for ten seconds", () => {
    const out = new TransfersOut();
    expect(out.admit(nodeId(1), 0)).to.equal(true);
    expect(out.admit(nodeId(2), 1_000)).to.equal(true);
    expect(out.admit(nodeId(3), 2_000)).to.equal(false);
    expect(out.admit(nodeId(1), 9_000)).to.equal(true);
    out.asked(nodeId(2), 9_000);
    out.asked(nodeId(3), 9_000);
    expect(out.admit(nodeId(3), 18_000)).to.equal(false);
    out.asked(nodeId(2), 18_000);
    expect(out.admit(nodeId(3), 20_000)).to.equal(true);
    expect(out.admit(nodeId(1), 20_000)).to.equal(false);
  });

  it("gives a place back at once where all was equal", () => {
    const out = new TransfersOut();
    out.admit(nodeId(1), 0);
    out.admit(nodeId(2), 0);
    out.ended(nodeId(1));
    expect(out.admit(nodeId(3), 0)).to.equal(true);
    expect(out.admit(nodeId(1), 0)).to.equal(false);
  });
});
