import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { MessageAges } from "../../../../../node/core/peers/message-ages.ts";

const PEER = "00000000-0000-4000-8000-000000000001" as NodeId;
const OTHER = "00000000-0000-4000-8000-000000000002" as NodeId;
/** What the sender's clock is behind this node's, messages that take no time included. */
const BEHIND_MS = 777_000;

function arrival(ages: MessageAges, from: NodeId, sentAtMs: number, tookMs: number): number {
  return ages.observe(from, sentAtMs, sentAtMs + BEHIND_MS + tookMs);
}

describe("message ages", () => {
  it("measures how much longer a message took than the quickest one of its sender", () => {
    const ages = new MessageAges();
    expect(arrival(ages, PEER, 0, 3)).to.equal(0);
    expect(arrival(ages, PEER, 100, 1)).to.equal(0);
    expect(arrival(ages, PEER, 200, 401)).to.equal(400);
    expect(arrival(ages, OTHER, 200, 401), "another peer").to.equal(0);
  });

  it("knows a burst after a minute of silence for what it is", () => {
    const ages = new MessageAges();
    arrival(ages, PEER, 0, 1);
    const burst = [1_000, 20_000, 59_000].map((sentAtMs) => ages.observe(PEER, sentAtMs, 61_001 + BEHIND_MS));
    expect(burst).to.deep.equal([60_000, 41_000, 2_000]);
  });

  it("gets used to a way that has become longer, or to clocks that drift", () => {
    const ages = new MessageAges();
    arrival(ages, PEER, 0, 1);
    const took = Array.from({ length: 200 }, (_, i) => arrival(ages, PEER, 100 * (i + 1), 51));
    expect(took[0]).to.equal(50);
    expect(took.at(-1)).to.equal(0);
  });

  it("begins anew with a peer that was gone", () => {
    const ages = new MessageAges();
    arrival(ages, PEER, 1_000_000, 1);
    ages.forget(PEER);
    expect(arrival(ages, PEER, 0, 1)).to.equal(0);
  });
});
