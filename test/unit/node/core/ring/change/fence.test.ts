import { expect } from "chai";
import { fence } from "../../../../../../node/core/ring/change/fence.ts";
import { member, membersOf, ringOf } from "../made-ring.ts";
import { join } from "./change-scenes.ts";
import { changed, raised } from "./elastic-rings.ts";

describe("fence", () => {
  const first = ringOf({ members: membersOf(4), partitions: 64 });
  const settled = raised(first);
  const { transfer, flipped, ended, cancelled } = changed(settled, join(member(4)));

  it("stops what was planned before a begin and before a flip", () => {
    expect(fence(transfer, settled)).to.equal("stale");
    expect(fence(flipped, transfer)).to.equal("stale");
    expect(fence(flipped, settled)).to.equal("stale");
    expect(fence(ended, transfer)).to.equal("stale");
  });

  it("lets through what was planned before a raise, an end and a cancel", () => {
    expect(fence(settled, first)).to.equal("serve");
    expect(fence(ended, flipped)).to.equal("serve");
    expect(fence(cancelled, transfer)).to.equal("serve");
    expect(fence(cancelled, settled)).to.equal("stale");
  });

  it("has a replica that is behind fetch the ring first, by generation before epoch", () => {
    expect(fence(settled, transfer)).to.equal("fetch");
    expect(fence(flipped, { generation: 1, epoch: 1 })).to.equal("fetch");
    expect(fence(flipped, flipped)).to.equal("serve");
  });
});
