import { expect } from "chai";
import { orphanedHints } from "../../../../../node/core/handoff/orphaned-hints.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";

describe("orphanedHints", () => {
  const kept = new Map([
    [nodeId(0), 3],
    [nodeId(9), 4],
  ]);

  it("counts what is kept for nodes that the ring does not list", () => {
    expect(orphanedHints(kept, ringOf({ members: membersOf(3) }))).to.equal(4);
  });

  it("counts all without a ring", () => {
    expect(orphanedHints(kept, undefined)).to.equal(7);
  });
});
