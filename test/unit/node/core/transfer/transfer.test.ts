import { expect } from "chai";
import { partitionOf } from "../../../../../node/core/ring/position.ts";
import { movesOf } from "../../../../../node/core/ring/change/change-progress.ts";
import type { ElasticRing } from "../../../../../node/core/ring/ring.ts";
import { join } from "../ring/change/change-scenes.ts";
import { beginningOf, changed, stepped } from "../ring/change/elastic-rings.ts";
import { member, nodeId } from "../ring/made-ring.ts";
import { keyNamed } from "../storage/sample-writes.ts";
import { names, TransferCluster, type TransferNode } from "./transfer-cluster.ts";

const KEYS = names(200);

describe("the transfer of copies to a node that joins", () => {
  let cluster: TransferCluster;
  let rings: ReturnType<typeof changed>;
  let joining: TransferNode;

  beforeEach(() => {
    cluster = new TransferCluster({ members: 3, nodes: 4 });
    rings = changed(cluster.settled, join(member(3)));
    joining = cluster.nodes[3]!;
  });

  function gained(ring: ElasticRing = rings.transfer): number[] {
    return movesOf(ring)
      .filter(({ gaining }) => gaining.includes(joining.node.id))
      .map(({ partition }) => partition);
  }

  function keysGained(): string[] {
    const partitions = gained();
    return KEYS.filter((name) => partitions.includes(partitionOf(keyNamed(name).position, 16)));
  }

  /** How many owners it is equal with, by partition that it gains. */
  function equalWith(): number[] {
    return gained().map((partition) => joining.transfer.equalWith(partition).size);
  }

  it("brings it every row of the partitions that it gains, and of no other", async () => {
    await cluster.fill(KEYS);
    cluster.serve(rings.transfer);
    await cluster.advance(60_000);
    for (const name of KEYS)
      expect(joining.node.record(name) !== undefined, name).to.equal(keysGained().includes(name));
    expect(Math.min(...equalWith())).to.be.at.least(2);
  });

  it("counts nothing, and asks nobody, before N-W+1 of the owners have taken over the begin", async () => {
    await cluster.fill(KEYS);
    cluster.serve(rings.transfer);
    joining.fencing.clear();
    joining.fencing.add(nodeId(0));
    await cluster.advance(60_000);
    expect(Math.max(...equalWith())).to.equal(0);
    expect(joining.events("partitions_transferred")).to.deep.equal([]);
    joining.fencing.add(nodeId(2));
    await cluster.advance(60_000);
    expect(gained().map((partition) => [...joining.transfer.equalWith(partition)].sort())).to.deep.equal(
      gained().map(() => [nodeId(0), nodeId(2)]),
    );
  });

  it("does not count a source that went away in the middle, though all of it has come", async () => {
    await cluster.fill(KEYS);
    cluster.wires.passes = (from, message) => {
      const isQuestion = message.kind === "request" && message.request.kind === "anti_entropy";
      if (isQuestion && from === joining.node) joining.transfer.disconnected(nodeId(0));
      return true;
    };
    cluster.serve(rings.transfer);
    await cluster.advance(20_000);
    expect(gained().some((partition) => joining.transfer.equalWith(partition).has(nodeId(0)))).to.equal(
      false,
    );
    expect(Math.min(...equalWith())).to.equal(2);
  });

  it("does not count a source that has lost data", async () => {
    await cluster.fill(KEYS);
    joining.notVoting.add(nodeId(0));
    cluster.serve(rings.transfer);
    await cluster.advance(60_000);
    expect(gained().some((partition) => joining.transfer.equalWith(partition).has(nodeId(0)))).to.equal(
      false,
    );
    expect(Math.min(...equalWith())).to.equal(2);
  });

  it("does not count a source that has lost data either where nobody has told it of that yet", async () => {
    await cluster.fill(KEYS);
    cluster.nodes[0]!.node.loseDisk();
    cluster.nodes[0]!.node.isRecovering = true;
    cluster.serve(rings.transfer);
    await cluster.advance(60_000);
    expect(gained().some((partition) => joining.transfer.equalWith(partition).has(nodeId(0)))).to.equal(
      false,
    );
    expect(Math.min(...equalWith())).to.equal(2);
    cluster.nodes[0]!.node.isRecovering = false;
    await cluster.advance(60_000);
    expect(Math.min(...equalWith())).to.equal(3);
  });

  it("does not count a source with a row that it cannot read", async () => {
    const [name] = keysGained();
    await cluster.fill(KEYS);
    const { data } = cluster.nodes[0]!.node;
    const row = data.read(keyNamed(name!).position)!;
    const record = new Uint8Array(row.record);
    record[record.length >> 1]! ^= 4;
    data.plant({ ...row, record });
    // So that the row comes from nobody else, and is not mended.
    for (const { node } of cluster.nodes.slice(0, 2)) cluster.wires.cut(node, cluster.nodes[2]!.node);
    cluster.nodes[1]!.node.data.lose(keyNamed(name!).position);
    cluster.serve(rings.transfer);
    joining.fencing.delete(nodeId(2));
    await cluster.advance(30_000);
    const partition = partitionOf(keyNamed(name!).position, 16);
    expect(joining.transfer.equalWith(partition).has(nodeId(0))).to.equal(false);
    const others = gained().filter((each) => each !== partition);
    expect(others.every((each) => joining.transfer.equalWith(each).has(nodeId(0)))).to.equal(true);
  });

  it("gets to all other partitions of a source that cannot read a row in some of them", async () => {
    await cluster.fill(KEYS);
    const rotten = gained().slice(0, 5);
    for (const partition of rotten) {
      const name = KEYS.find((key) => partitionOf(keyNamed(key).position, 16) === partition)!;
      const { data } = cluster.nodes[0]!.node;
      const row = data.read(keyNamed(name).position)!;
      const record = new Uint8Array(row.record);
      record[record.length >> 1]! ^= 4;
      data.plant({ ...row, record });
      cluster.nodes[1]!.node.data.lose(keyNamed(name).position);
    }
    for (const { node } of cluster.nodes.slice(0, 2)) cluster.wires.cut(node, cluster.nodes[2]!.node);
    cluster.serve(rings.transfer);
    joining.fencing.delete(nodeId(2));
    await cluster.advance(60_000);
    const equal = gained().filter((each) => joining.transfer.equalWith(each).has(nodeId(0)));
    expect(equal).to.deep.equal(gained().filter((each) => !rotten.includes(each)));
  });

  it("forgets what it compared once the change was cancelled, also where it begins again under its name", async () => {
    await cluster.fill(KEYS);
    cluster.serve(rings.transfer);
    await cluster.advance(60_000);
    expect(Math.min(...equalWith())).to.be.at.least(2);
    const again = stepped(rings.cancelled, beginningOf(rings.cancelled, join(member(3))));
    joining.serve(again, []);
    expect(Math.max(...equalWith())).to.equal(0);
  });

  it("goes on after an interruption, and moves nothing twice", async () => {
    await cluster.fill(KEYS);
    cluster.serve(rings.transfer);
    await cluster.advance(300);
    for (const n of [0, 1, 2]) cluster.wires.cut(cluster.nodes[n]!.node, joining.node);
    await cluster.advance(60_000);
    cluster.wires.mend();
    await cluster.advance(120_000);
    expect(Math.min(...equalWith())).to.be.at.least(2);
    const pulled = joining
      .events("partitions_transferred")
      .reduce((sum, each) => sum + each.recordsPulled, 0);
    expect(pulled).to.equal(keysGained().length);
  });

  it("begins two exchanges at a time at most, with different sources", async () => {
    await cluster.fill(KEYS);
    cluster.wires.passes = (_, message) => message.kind !== "reply";
    cluster.serve(rings.transfer);
    await cluster.advance(100);
    const asked = cluster.nodes.filter((source) => source.events("antientropy_served").length > 0);
    expect(asked.length).to.equal(2);
  });

  it("is over with the flip: nothing is compared any more", async () => {
    await cluster.fill(KEYS);
    cluster.serve(rings.transfer);
    await cluster.advance(60_000);
    const before = joining.events("partitions_transferred").length;
    cluster.serve(rings.flipped);
    await cluster.advance(60_000);
    expect(joining.events("partitions_transferred").length).to.equal(before);
  });

  it("waits for rows of its own that are on their way out", async () => {
    await cluster.fill(KEYS);
    const settled = new Promise<void>(() => undefined);
    joining.misplaced.settled = () => settled;
    cluster.serve(rings.transfer);
    await cluster.advance(60_000);
    expect(joining.events("partitions_transferred")).to.deep.equal([]);
  });
});
