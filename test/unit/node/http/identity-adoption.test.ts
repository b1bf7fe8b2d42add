import { expect } from "chai";
import { parseNodeId } from "../../../../node/core/node-id.ts";
import type { PeerDirectory } from "../../../../node/core/ports/peer-directory.ts";
import type { RingKeeper } from "../../../../node/core/ring/ring-keeper.ts";
import { type AdoptionFacts, objectionTo } from "../../../../node/http/identity-adoption.ts";

const SELF = parseNodeId("11111111-1111-4111-8111-111111111111");
const LOST = parseNodeId("22222222-2222-4222-8222-222222222222");
const PEER = parseNodeId("33333333-3333-4333-8333-333333333333");

function facts({
  state = "none",
  rows = 0,
  peers = [PEER],
}: {
  state?: string;
  rows?: number;
  peers?: (typeof PEER)[];
}) {
  return {
    self: SELF,
    ring: { kept: () => ({ state }) } as unknown as RingKeeper,
    directory: { peers: () => peers.map((id) => ({ id, connected: true })) } as unknown as PeerDirectory,
    rows,
  } satisfies AdoptionFacts;
}

describe("taking over the id of a lost member", () => {
  it("is allowed to an empty node that has met others and not the one it takes the place of", () => {
    expect(objectionTo(LOST, facts({}))).to.equal(undefined);
  });

  it("is allowed again to the node that has done it: an answer may be lost", () => {
    expect(objectionTo(SELF, facts({ state: "serving", rows: 5 }))).to.equal(undefined);
  });

  it("is refused to a node with a ring, with rows, without peers, and while the member lives", () => {
    expect(objectionTo(LOST, facts({ state: "serving" }))).to.include("is a member of a ring");
    expect(objectionTo(LOST, facts({ state: "proposed" }))).to.include("about to form a ring");
    expect(objectionTo(LOST, facts({ rows: 1 }))).to.include("keeps 1 rows");
    expect(objectionTo(LOST, facts({ peers: [] }))).to.include("has met nobody yet");
    expect(objectionTo(LOST, facts({ peers: [PEER, LOST] }))).to.include("lives");
  });
});
