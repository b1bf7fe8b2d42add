import { expect } from "chai";
import { PING } from "../../../../../node/core/membership/gossip-messages.ts";
import { DOWN_MAX } from "../../../../../node/core/membership/member-entry.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { GossipRig } from "./gossip-rig.ts";
import { aboutNode, entryOf } from "./member-entries.ts";

const ring = ringOf({ members: membersOf(5) });
const ringSummary = { clusterId: "test", generation: 0, epoch: 1, digest: "aa" };

describe("gossip", () => {
  it("lets two meet that only ever knew a third, which is gone by then", async () => {
    const rig = new GossipRig();
    const [a, seed, b] = [rig.add(0), rig.add(1), rig.add(2)];
    rig.start();
    rig.connect(a, seed);
    await rig.round();
    rig.cutOff(a);
    rig.connect(seed, b);
    await rig.round();
    rig.cutOff(seed);
    expect(b.learnt).to.deep.include([nodeId(0), "10.0.0.0:7080"]);
    expect(b.table.get(nodeId(0))).to.include({ address: "10.0.0.0:7080" });
  });

  it("tells a peer's new address to whoever dials", async () => {
    const rig = new GossipRig();
    const [a, b] = [rig.add(0, { ring }), rig.add(1, { ring })];
    rig.start();
    rig.connect(a, b);
    await rig.round();
    a.about = aboutNode(0, { address: "10.9.9.9:7080" });
    await rig.round();
    expect(b.learnt).to.deep.equal([
      [nodeId(0), "10.0.0.0:7080"],
      [nodeId(0), "10.9.9.9:7080"],
    ]);
  });

  it("begins with whoever connects, on one of the two sides only", async () => {
    const rig = new GossipRig();
    const [a, b] = [rig.add(0), rig.add(1)];
    rig.connect(a, b);
    a.gossip.peerConnected(b.id);
    b.gossip.peerConnected(a.id);
    await rig.round();
    expect(rig.bytes).to.have.lengthOf(4);
    expect(a.table.get(b.id)).to.deep.equal(b.table.own());
    expect(b.table.get(a.id)).to.deep.equal(a.table.own());
  });

  it("has the ring keeper compare rings where the peer's is another one, and only there", async () => {
    const rig = new GossipRig();
    const [a, b] = [rig.add(0, { ring, digest: "aa" }), rig.add(1, { ring, digest: "aa" })];
    rig.start();
    rig.connect(a, b);
    await rig.round();
    expect([...a.compared, ...b.compared]).to.deep.equal([]);
    b.digest = "bb";
    await rig.round();
    expect(a.compared).to.include(b.id);
    expect(b.compared).to.include(a.id);
  });

  it("refuses another cluster and other immutable parameters, reports it, and takes nothing over", async () => {
    const others = [
      { ...ring, clusterId: "other" },
      { ...ring, parameters: { ...ring.parameters, replicas: 5 } },
    ];
    for (const foreign of others) {
      const rig = new GossipRig();
      const [a, b] = [rig.add(0, { ring }), rig.add(1, { ring: foreign })];
      rig.start();
      rig.connect(a, b);
      await rig.round();
      for (const { table, events, learnt } of [a, b]) {
        expect(table.entries()).to.have.lengthOf(1);
        expect(learnt).to.deep.equal([]);
        expect(events).to.deep.include({ kind: "gossip_finished", outcome: "refused" });
        const refusal = events.find(({ kind }) => kind === "peer_message_refused");
        expect(refusal, "an event says so")
          .to.have.property("reason")
          .that.matches(/^other (cluster|parameters)/);
      }
    }
  });

  it("gossips with a node that is in no ring yet", async () => {
    const rig = new GossipRig();
    const [a, b] = [rig.add(0, { ring, digest: "aa" }), rig.add(9)];
    rig.start();
    rig.connect(a, b);
    await rig.round();
    expect(b.compared, "it may be a member of theirs").to.include(a.id);
    expect(a.table.get(b.id)).to.deep.equal(b.table.own());
  });

  it("refuses malformed messages one by one, and reports them", () => {
    const rig = new GossipRig();
    const node = rig.add(0, { ring });
    const broken = [
      { type: "gossip.digest" },
      { type: "gossip.digest", stamps: [["x", 1, 1]] },
      { type: "gossip.digest", stamps: [], ring: { clusterId: 7 } },
      { type: "gossip.digest", stamps: [], ring: { ...ringSummary, parameters: { hash: { toString: 1 } } } },
      { type: "gossip.push", entries: [{ ...entryOf(1), version: "1" }] },
      { type: "gossip.push", entries: new Array(2_000).fill(entryOf(1)) },
      { type: "gossip.gossip" },
    ];
    for (const message of broken)
      expect(node.gossip.handleControl(nodeId(3), message), JSON.stringify(message).slice(0, 80)).to.include({
        type: "gossip.refused",
      });
    expect(node.events.filter(({ kind }) => kind === "peer_message_refused")).to.have.lengthOf(broken.length);
    expect(node.table.entries()).to.have.lengthOf(1);
  });

  it("answers a ping, whatever else is the matter", () => {
    const node = new GossipRig().add(0);
    expect(node.gossip.handleControl(nodeId(3), PING)).to.deep.equal({ type: "gossip.pong" });
  });

  it("goes to a peer that is believed down every tenth round, and else to the others", async () => {
    const rig = new GossipRig();
    const [a, b, c] = [rig.add(0), rig.add(1), rig.add(2)];
    rig.connect(a, b);
    rig.connect(a, c);
    a.health.detector.sent(c.id);
    for (let tick = 0; tick < 6; tick++) {
      a.health.detector.tick();
      a.health.detector.heard(b.id);
    }
    expect(a.health.detector.isHealthy(c.id)).to.equal(false);
    a.gossip.start();
    for (let round = 0; round < 9; round++) await rig.round();
    expect(b.table.get(a.id)).to.not.equal(undefined);
    expect(c.table.get(a.id)).to.equal(undefined);
    await rig.round();
    expect(c.table.get(a.id)).to.not.equal(undefined);
  });

  it("keeps every message below 64 KiB for 200 nodes at their worst, and completes in a few rounds", async () => {
    const rig = new GossipRig();
    const large = ringOf({ members: membersOf(200) });
    const [full, empty] = [rig.add(0, { ring: large }), rig.add(1, { ring: large })];
    const down = Array.from({ length: DOWN_MAX }, (_, i) => nodeId(i));
    const hostName = `node-000.cluster-nodes.some-rather-long-namespace.svc.cluster.local`;
    full.table.merge(
      Array.from({ length: 198 }, (_, i) =>
        entryOf(i + 2, {
          address: `${hostName}:7080`,
          clientAddress: `${hostName}:8080`,
          incarnation: 1_700_000_000_000,
          version: 1_000_000,
          down,
        }),
      ),
    );
    rig.start();
    rig.connect(full, empty);
    let rounds = 0;
    while (empty.table.entries().length < 200 && rounds < 50) {
      rounds += 1;
      await rig.round();
    }
    expect(rounds).to.be.at.most(10);
    expect(Math.max(...rig.bytes)).to.be.below(64 * 1024);
    rig.bytes.length = 0;
    await rig.round();
    expect(Math.max(...rig.bytes), "a digest of 200").to.be.below(16 * 1024);
    expect(Math.min(...rig.bytes), "nothing to tell").to.be.below(512);
  });
});
