import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { routesOf } from "../../../../../node/core/ring/change/change-routes.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { partitionOf } from "../../../../../node/core/ring/position.ts";
import { keepersOf } from "../../../../../node/core/ring/keepers.ts";
import { join, leave } from "../ring/change/change-scenes.ts";
import { changed, stepped } from "../ring/change/elastic-rings.ts";
import { member, nodeId } from "../ring/made-ring.ts";
import { keyNamed, writeOf } from "../storage/sample-writes.ts";
import { names, TransferCluster, type TransferNode } from "./transfer-cluster.ts";

const KEYS = names(120);

describe("misplaced copies", () => {
  let cluster: TransferCluster;
  let rings: ReturnType<typeof changed>;
  let left: TransferNode;

  beforeEach(() => {
    cluster = new TransferCluster({ members: 4, nodes: 4 });
    rings = changed(cluster.settled, leave(member(3)));
    left = cluster.nodes[3]!;
  });

  function missing(node: TransferNode): string[] {
    return KEYS.filter((name) => node.node.record(name) === undefined);
  }

  it("of a node that has left go to all owners, and are removed then", async () => {
    await left.node.putAll(KEYS, "value");
    cluster.serve(rings.ended);
    await cluster.advance(60_000);
    for (const owner of cluster.nodes.slice(0, 3)) expect(missing(owner)).to.deep.equal([]);
    expect(missing(left)).to.deep.equal(KEYS);
    expect(left.misplaced.state()).to.deep.equal({ keys: 0, waitsFor: [] });
  });

  it("of a node that the ring lists no more are given to nobody, but put aside, and hints too", async () => {
    const given = cluster.nodes[2]!;
    await left.node.putAll(KEYS, "deleted since");
    const released = stepped(rings.ended, { kind: "release", node: nodeId(3) });
    cluster.serve(released);
    await cluster.advance(120_000);
    for (const owner of cluster.nodes.slice(0, 3)) expect(missing(owner)).to.deep.equal(KEYS);
    expect(missing(left)).to.deep.equal([]);
    expect(left.setAside).to.be.greaterThan(0);
    expect(left.events("copies_given_up")[0]).to.deep.include({ keys: KEYS.length, hasHints: false });
    expect(given.setAside, "a member").to.equal(0);
  });

  it("of nobody are put aside where there are none", async () => {
    cluster.serve(stepped(rings.ended, { kind: "release", node: nodeId(3) }));
    await cluster.advance(120_000);
    expect(left.setAside).to.equal(0);
    expect(left.misplaced.state()).to.deep.equal({ keys: 0, waitsFor: [] });
  });

  it("stay while one owner is away, though the others get them at once", async () => {
    await left.node.putAll(KEYS, "value");
    cluster.wires.cut(left.node, cluster.nodes[1]!.node);
    cluster.serve(rings.ended);
    await cluster.advance(120_000);
    for (const n of [0, 2]) expect(missing(cluster.nodes[n]!)).to.deep.equal([]);
    expect(missing(left)).to.deep.equal([]);
    expect(left.misplaced.state()).to.deep.equal({
      keys: KEYS.length,
      waitsFor: [cluster.nodes[1]!.node.id],
    });
    cluster.wires.mend();
    left.misplaced.peerConnected(cluster.nodes[1]!.node.id);
    await cluster.advance(60_000);
    expect(missing(cluster.nodes[1]!)).to.deep.equal([]);
    expect(missing(left)).to.deep.equal(KEYS);
  });

  it("are not said to be gone where rows are there that were not counted", async () => {
    await left.node.putAll(KEYS, "value");
    cluster.nodes[2]!.node.writerHangs = true;
    const { store } = left.node;
    const roots = store.partitionRoots.bind(store);
    store.partitionRoots = async (partitions) => {
      const read = await roots(partitions);
      if (read.status === "failed") return read;
      return { ...read, partitions: read.partitions.map(({ root }) => ({ root, keys: 0 })) };
    };
    cluster.serve(rings.ended);
    await cluster.advance(120_000);
    expect(missing(left)).to.deep.equal([]);
    expect(left.misplaced.state().keys).to.be.greaterThan(0);
  });

  it("stay while an owner does not acknowledge them", async () => {
    await left.node.putAll(KEYS, "value");
    cluster.nodes[2]!.node.writerHangs = true;
    cluster.serve(rings.ended);
    await cluster.advance(120_000);
    expect(missing(left)).to.deep.equal([]);
  });

  it("stay while this node owns the partition before or after a change", async () => {
    await left.node.putAll(KEYS, "value");
    for (const ring of [rings.transfer, rings.flipped]) {
      cluster.serve(ring);
      await cluster.advance(60_000);
      const owned = KEYS.filter((name) =>
        keepersOf(left.node.ringState, partitionOf(keyNamed(name).position, 16)).includes(left.node.id),
      );
      expect(owned.length).to.be.above(0);
      expect(missing(left).filter((name) => owned.includes(name))).to.deep.equal([]);
    }
  });

  it("that were written while they were handed over stay, and follow later", async () => {
    await left.node.putAll(KEYS, "value");
    const drop = left.node.store.dropRows.bind(left.node.store);
    let isFirst = true;
    left.node.store.dropRows = (rows) => {
      // No owner was asked about it: it comes between the last answer and the command.
      const { position } = keyNamed("key-5");
      if (isFirst && rows.some((row) => Buffer.compare(row.position, position) === 0)) {
        isFirst = false;
        left.node.store.coordinate(writeOf("key-5", "later"));
      }
      return drop(rows);
    };
    cluster.serve(rings.ended);
    await cluster.advance(5_000);
    expect(missing(left)).to.deep.equal(KEYS.filter((name) => name !== "key-5"));
    await cluster.advance(120_000);
    expect(missing(left)).to.deep.equal(KEYS);
    const copies = cluster.nodes
      .slice(0, 3)
      .map(({ node }) => Buffer.from(node.record("key-5")!).toString("latin1"));
    expect(copies.every((copy) => copy.includes("later"))).to.equal(true);
  });

  it("that no reader could read stay as long as the writer can, and follow once they were written anew", async () => {
    await left.node.putAll(KEYS, "value");
    // As where a page rotted on the disk that is sound in the writer's memory.
    const { recordsAt } = left.node.store;
    const { position } = keyNamed("key-5");
    left.node.store.recordsAt = async (query) => {
      const read = await recordsAt.call(left.node.store, query);
      if (read.status === "failed" || cluster.wires.nowMs > 5_000) return read;
      const rotten = read.rows.filter((row) => Buffer.compare(row.position, position) === 0);
      return {
        ...read,
        rows: read.rows.filter((row) => !rotten.includes(row)),
        corrupt: rotten.map((row) => row.position),
      };
    };
    // One owner has another version: what it has is looked at first.
    await cluster.nodes[1]!.node.put("key-5", "other");
    cluster.serve(rings.ended);
    await cluster.advance(5_000);
    expect(missing(left)).to.deep.equal(KEYS.filter((name) => name !== "key-5"));
    await cluster.advance(60_000);
    expect(missing(left)).to.deep.equal(KEYS);
    for (const { node } of cluster.nodes.slice(0, 3))
      expect(Buffer.from(node.record("key-5")!).toString("latin1")).to.include("value");
  });

  it("are not said to be gone while the writer may have yet to take some, and follow then", async () => {
    left.node.writerHangs = true;
    left.node.store.coordinate(writeOf("key-5", "late"));
    cluster.serve(rings.ended);
    await cluster.advance(180_000);
    expect(left.misplaced.state().keys).to.equal(undefined);
    left.node.writerHangs = false;
    await cluster.advance(60_000);
    expect(left.misplaced.state().keys).to.equal(0);
    for (const { node } of cluster.nodes.slice(0, 3)) expect(node.record("key-5")).to.not.equal(undefined);
  });

  it("that rotted away from their place are put back and follow, though no owner takes them where they lie", async () => {
    await left.node.putAll(KEYS, "value");
    const row = left.node.data.read(keyNamed("key-5").position)!;
    const position = new Uint8Array(row.position);
    position[15]! ^= 1;
    left.node.data.lose(row.position);
    left.node.data.plant({ ...row, position });
    cluster.serve(rings.ended);
    await cluster.advance(60_000);
    expect(left.node.data.count()).to.equal(0);
    for (const { node } of cluster.nodes.slice(0, 3)) expect(node.record("key-5")).to.not.equal(undefined);
  });

  it("that are many go in commands of few rows where these take long", async () => {
    const many = names(300, "many");
    await left.node.putAll(many, "value");
    const drop = left.node.store.dropRows.bind(left.node.store);
    const sizes: number[] = [];
    left.node.store.dropRows = async (rows) => {
      if (rows.length > 0) sizes.push(rows.length);
      const dropped = await drop(rows);
      await new Promise((resolve) => void cluster.wires.after(100, () => resolve(undefined)));
      return dropped;
    };
    cluster.serve(rings.ended);
    await cluster.advance(60_000);
    expect(Math.max(...sizes)).to.equal(16);
    expect(sizes.reduce((sum, size) => sum + size, 0)).to.equal(many.length);
    expect(many.filter((name) => left.node.record(name) !== undefined)).to.deep.equal([]);
  });

  it("do not travel where the owners have them or more already", async () => {
    await left.node.putAll(KEYS, "value");
    for (const { node } of cluster.nodes.slice(0, 3)) {
      for (const name of KEYS)
        void node.store.store({
          position: keyNamed(name).position,
          record: left.node.record(name)!,
          keptFor: [],
        });
      await cluster.wires.settle();
      await node.put("key-7", "more");
    }
    let sent = 0;
    cluster.wires.passes = (_, message) => {
      if (message.kind === "request" && message.request.kind === "replicate") sent += 1;
      return true;
    };
    cluster.serve(rings.ended);
    await cluster.advance(60_000);
    expect(sent).to.equal(0);
    expect(missing(left)).to.deep.equal(KEYS);
  });

  it("of a cancelled change go too, and what this node owns as before stays", async () => {
    await cluster.fill(KEYS);
    cluster.serve(rings.cancelled);
    await cluster.advance(120_000);
    for (const { node } of cluster.nodes) {
      for (const name of KEYS) {
        const owns = keepersOf(node.ringState, partitionOf(keyNamed(name).position, 16)).includes(node.id);
        expect(node.record(name) !== undefined, `${name} at ${node.id}`).to.equal(owns);
      }
    }
  });

  /** Owners have all of it, so that each answers once a page; the third answer is the last one of the first page. */
  async function withLastAnswer(keys: readonly string[], then: () => void): Promise<void> {
    await left.node.putAll(keys, "value");
    for (const { node } of cluster.nodes.slice(0, 3)) {
      for (const key of keys)
        void node.store.store({
          position: keyNamed(key).position,
          record: left.node.record(key)!,
          keptFor: [],
        });
      await cluster.wires.settle();
    }
    let answers = 0;
    cluster.wires.passes = (from, message) => {
      if (from !== left.node && message.kind === "reply" && ++answers === 3) then();
      return true;
    };
    cluster.serve(rings.ended);
    await cluster.advance(4_000);
    expect(answers).to.be.at.least(3);
  }

  function ownersIn(ring: Ring, name: string): readonly NodeId[] {
    return routesOf(ring)[partitionOf(keyNamed(name).position, 16)]!.write.owners;
  }

  it("stay where this node owns the partition again by a ring that came with the last answer", async () => {
    const owned = KEYS.filter((name) => ownersIn(rings.cancelled, name).includes(left.node.id));
    await withLastAnswer(owned, () => left.serve(rings.cancelled));
    expect(missing(left).filter((name) => owned.includes(name))).to.deep.equal([]);
  });

  it("stay where another node owns the partition too by a ring that came with the last answer", async () => {
    cluster = new TransferCluster({ members: 4, nodes: 5 });
    rings = changed(cluster.settled, leave(member(3)));
    left = cluster.nodes[3]!;
    const later = changed(rings.ended, join(member(4))).ended;
    const gained = KEYS.filter((name) => ownersIn(later, name).includes(nodeId(4)));
    await withLastAnswer(gained, () => void (left.node.ring = later));
    expect(missing(left).filter((name) => gained.includes(name))).to.deep.equal([]);
  });

  it("are gone from the read cache", async () => {
    const { bucket, key, position } = keyNamed("key-1");
    await left.node.putAll(KEYS, "value");
    const query = { bucket, key, position, want: "record" } as const;
    await cluster.wires.finished(left.cache.read(query));
    cluster.serve(rings.ended);
    await cluster.advance(60_000);
    expect((await cluster.wires.finished(left.cache.read(query))).status).to.equal("not_found");
  });
});
