import { expect } from "chai";
import { movesOf } from "../../../../../node/core/ring/change/change-progress.ts";
import { join, leave, replace } from "../ring/change/change-scenes.ts";
import { changed } from "../ring/change/elastic-rings.ts";
import { member, nodeId } from "../ring/made-ring.ts";
import { names, TransferCluster } from "./transfer-cluster.ts";

const FLIP = { kind: "flip", changeId: "change-1" } as const;
const END = { kind: "end", changeId: "change-1" } as const;

describe("who leads a change to its end", () => {
  it("proposes the flip once every gaining node is equal with N-W+1 owners, and not before", async () => {
    const cluster = new TransferCluster({ members: 3, nodes: 4 });
    await cluster.fill(names(100));
    const { transfer } = changed(cluster.settled, join(member(3)));
    cluster.serve(transfer);
    const [leader, , , joining] = cluster.nodes;
    joining!.fencing.clear();
    await cluster.advance(10_000);
    expect(leader!.proposed).to.deep.equal([]);
    const copies = movesOf(transfer).length;
    expect(leader!.driver.lacks().length).to.equal(copies);
    const waited = leader!.events("change_waited");
    expect(waited[0]).to.include({ changeId: "change-1", phase: "transfer", moved: 0, nodeId: nodeId(3) });
    expect(waited.at(-1)!.durationMs).to.be.within(8_000, 10_000);
    joining!.fencing.add(nodeId(1)).add(nodeId(2));
    await cluster.advance(30_000);
    expect(leader!.proposed[0]).to.deep.equal(FLIP);
    expect(leader!.driver.lacks()).to.deep.equal([]);
  });

  it("counts no report about another ring, and none of a node that is away", async () => {
    const cluster = new TransferCluster({ members: 3, nodes: 4 });
    const { transfer, flipped } = changed(cluster.settled, join(member(3)));
    cluster.serve(transfer);
    const [leader, , , joining] = cluster.nodes;
    await cluster.advance(500);
    joining!.node.ring = flipped;
    await cluster.advance(20_000);
    expect(leader!.proposed).to.deep.equal([]);
    joining!.serve(transfer, [nodeId(0), nodeId(1), nodeId(2)]);
    leader!.proposed.length = 0;
    cluster.wires.cut(leader!.node, joining!.node);
    await cluster.advance(20_000);
    expect(leader!.proposed).to.deep.equal([]);
  });

  it("proposes the end once N-R+1 owners before have taken over the flip", async () => {
    const cluster = new TransferCluster({ members: 3, nodes: 4 });
    const { flipped } = changed(cluster.settled, join(member(3)));
    for (const node of cluster.nodes) node.serve(flipped, []);
    const [leader] = cluster.nodes;
    await cluster.advance(10_000);
    expect(leader!.proposed).to.deep.equal([]);
    leader!.fencing.add(nodeId(2));
    await cluster.advance(5_000);
    expect(leader!.proposed[0]).to.deep.equal(END);
  });

  it("is the first live member by id; the others look more seldom, and see to it where it does nothing", async () => {
    const cluster = new TransferCluster({ members: 3, nodes: 4 });
    cluster.serve(changed(cluster.settled, join(member(3))).transfer);
    await cluster.advance(10_000);
    expect(cluster.nodes.map(({ proposed }) => proposed.length > 0)).to.deep.equal([
      true,
      false,
      false,
      false,
    ]);
    await cluster.advance(40_000);
    expect(cluster.nodes.map(({ proposed }) => proposed.length > 0)).to.deep.equal([true, true, true, false]);
  });

  it("is the next one at once where the first is believed down", async () => {
    const cluster = new TransferCluster({ members: 3, nodes: 4 });
    for (const node of cluster.nodes.slice(1)) node.down.add(nodeId(0));
    cluster.serve(changed(cluster.settled, join(member(3))).transfer);
    await cluster.advance(10_000);
    expect(cluster.nodes[1]!.proposed[0]).to.deep.equal(FLIP);
  });

  it("is nobody who only joins, or leaves after the flip", async () => {
    const cluster = new TransferCluster({ members: 4, nodes: 5 });
    const rings = changed(cluster.settled, replace([member(0)], [member(4)]));
    cluster.serve(rings.flipped);
    await cluster.advance(120_000);
    expect(cluster.nodes[0]!.proposed).to.deep.equal([]);
    expect(cluster.nodes[1]!.proposed[0]).to.deep.equal(END);
  });

  it("tells whoever asks how far a change is, wherever it is asked", async () => {
    const cluster = new TransferCluster({ members: 4, nodes: 4 });
    const { transfer } = changed(cluster.settled, leave(member(3)));
    cluster.serve(transfer);
    const last = cluster.nodes[2]!;
    expect(last.driver.lacks().length).to.equal(movesOf(transfer).flatMap(({ gaining }) => gaining).length);
    await cluster.advance(10_000);
    expect(last.driver.lacks()).to.deep.equal([]);
  });

  it("has nothing to say without a change", async () => {
    const cluster = new TransferCluster({ members: 3, nodes: 3 });
    cluster.serve(cluster.settled);
    await cluster.advance(60_000);
    expect(cluster.nodes.flatMap(({ proposed }) => proposed)).to.deep.equal([]);
    expect(cluster.nodes[0]!.driver.lacks()).to.deep.equal([]);
  });
});
