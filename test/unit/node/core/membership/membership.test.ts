import { expect } from "chai";
import { HealthWatch } from "../../../../../node/core/membership/health-watch.ts";
import { Membership } from "../../../../../node/core/membership/membership.ts";
import type { MemberCondition } from "../../../../../node/core/membership/member-entry.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { aboutNode, entryOf } from "./member-entries.ts";

const self = nodeId(0);

/** Node 0 of a ring of four. Nothing runs: the test tells it what peers say, and what happens to them. */
function membership({ ring }: { ring: Ring | undefined } = { ring: ringOf({ members: membersOf(4) }) }) {
  const state: { condition: MemberCondition; keepsCopies: boolean; ring: Ring | undefined; nowMs: number } = {
    condition: "serving",
    keepsCopies: true,
    ring,
    nowMs: 1_000,
  };
  const clock = { monotonicMs: () => state.nowMs, wallMs: () => 1_700_000_000_000 };
  const timers = { after: () => () => undefined, soon: (run: () => void) => run() };
  const observer = { event: () => undefined };
  const health = new HealthWatch({ clock, timers, observer });
  const members = new Membership({
    self,
    about: aboutNode(0),
    condition: () => state.condition,
    keepsCopies: () => state.keepsCopies,
    ring: {
      current: () => state.ring,
      hash: () => "aa",
      preferenceList: () => {
        throw new Error("membership asks for no preference list");
      },
      peerConnected: () => undefined,
      ringStore: () => "00".repeat(8),
    },
    calls: { call: async () => undefined },
    health,
    directory: { peers: () => [], learn: () => undefined },
    settings: { gossipIntervalMs: 1_000 },
    clock,
    timers,
    random: { bytes: (length) => new Uint8Array(length), below: () => 0 },
    observer,
  });
  const tell = (...entries: ReturnType<typeof entryOf>[]): void => {
    const answer = members.handleControl(nodeId(1), { type: "gossip.push", entries });
    expect(answer.type).to.equal("gossip.done");
  };
  /** What it says of itself, as a peer that knows nothing gets it. */
  const ownWords = (): unknown => {
    const answer = members.handleControl(nodeId(1), { type: "gossip.digest", stamps: [] });
    return (answer["entries"] as { id: string }[]).find(({ id }) => id === self);
  };
  return { members, health, state, tell, ownWords };
}

describe("membership", () => {
  it("believes itself up, and nobody that it has not met", () => {
    const { members } = membership();
    expect(members.isHealthy(self)).to.equal(true);
    expect(members.isSlow(self)).to.equal(false);
    expect(members.isHealthy(nodeId(1))).to.equal(false);
    expect(members.own().incarnation).to.equal(1_700_000_000_000);
  });

  it("says of itself how it is, and which members it believes down", () => {
    const { health, state, ownWords } = membership();
    health.detector.connected(nodeId(2));
    state.condition = "read_only";
    expect(ownWords()).to.deep.include({
      id: self,
      address: "10.0.0.0:7080",
      condition: "read_only",
      down: [nodeId(1), nodeId(3)],
    });
  });

  it("has no state but no_ring, and misses nobody, while it is in no ring", () => {
    const { ownWords } = membership({ ring: undefined });
    expect(ownWords()).to.deep.include({ condition: "no_ring", down: [] });
  });

  it("shows who says that it believes a member down, as long as that one is believed up itself", () => {
    const { members, health, tell } = membership();
    for (const n of [1, 2, 3]) health.detector.connected(nodeId(n));
    tell(entryOf(2, { down: [nodeId(3)] }), entryOf(1, { down: [nodeId(3)] }));
    expect(members.view(nodeId(3))).to.deep.include({ belief: "up", suspectedBy: [nodeId(1), nodeId(2)] });
    expect(members.isHealthy(nodeId(3)), "hearsay convicts nobody").to.equal(true);
    health.detector.disconnected(nodeId(2));
    expect(members.view(nodeId(3)).suspectedBy).to.deep.equal([nodeId(1)]);
  });

  it("asks those last that say they are about to stop, or have lost data", () => {
    const { members, health, tell } = membership();
    for (const n of [1, 2, 3]) health.detector.connected(nodeId(n));
    tell(entryOf(1, { condition: "draining" }), entryOf(2, { condition: "recovering" }), entryOf(3));
    expect([1, 2, 3].map((n) => members.isSlow(nodeId(n)))).to.deep.equal([true, true, false]);
    expect([1, 2, 3].map((n) => members.isHealthy(nodeId(n)))).to.deep.equal([true, true, true]);
  });

  it("says, as long as it is no member, whether it keeps anything", () => {
    for (const ring of [ringOf({ members: membersOf(4).slice(1) }), undefined]) {
      const other = membership({ ring });
      expect(other.ownWords()).to.deep.include({ keepsCopies: true });
      other.state.keepsCopies = false;
      other.members.entry(self);
      expect(other.ownWords()).to.deep.include({ keepsCopies: false });
    }
    expect(membership().ownWords()).to.not.have.property("keepsCopies", true);
  });

  it("knows for how long others are away: one that it never met since it began itself", () => {
    const { members, health, state } = membership();
    state.nowMs = 5_000;
    health.detector.connected(nodeId(1));
    state.nowMs = 7_000;
    health.detector.disconnected(nodeId(1));
    health.detector.connected(nodeId(2));
    state.nowMs = 10_000;
    expect([0, 1, 2, 3].map((n) => members.awayMs(nodeId(n)))).to.deep.equal([0, 3_000, 0, 9_000]);
  });
});
