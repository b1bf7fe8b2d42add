import { expect } from "chai";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { partitionOf } from "../../../../../node/core/ring/position.ts";
import { FORMED } from "../../../../../node/core/ring/ring-number.ts";
import { encodeDeclined } from "../../../../../node/core/antientropy/exchange-answers.ts";
import { keyNamed } from "../storage/sample-writes.ts";
import { INTERVAL_MS, ReplicaCluster, ReplicaNode, SCRUB_INTERVAL_MS } from "./replica-cluster.ts";

type Exchanged = Extract<CoreEvent, { kind: "antientropy_exchanged" }>;

function exchanges(node: ReplicaNode): Exchanged[] {
  return node.events.flatMap((event) => (event.kind === "antientropy_exchanged" ? [event] : []));
}

function pair(): { cluster: ReplicaCluster; a: ReplicaNode; b: ReplicaNode } {
  const cluster = new ReplicaCluster({ nodes: 2, replicas: 2 });
  const [a, b] = cluster.nodes as [ReplicaNode, ReplicaNode];
  return { cluster, a, b };
}

async function give(
  cluster: ReplicaCluster,
  from: ReplicaNode,
  to: ReplicaNode,
  name: string,
): Promise<void> {
  const { position } = keyNamed(name);
  const stored = to.store.store({ position, record: from.record(name)!, keptFor: [] });
  await cluster.settle();
  await stored;
}

function rot(node: ReplicaNode, name: string): void {
  const row = node.data.read(keyNamed(name).position)!;
  node.data.plant({ ...row, record: row.record.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) });
}

describe("anti-entropy in the background", () => {
  it("compares within two seconds of the start, then once an interval for each pair", async () => {
    const { cluster, a, b } = pair();
    await a.put("x", "value");
    cluster.start();
    await cluster.advance(8_000);
    expect(await a.roots()).to.deep.equal(await b.roots());
    const begun = exchanges(a).length + exchanges(b).length;
    await cluster.advance(10 * INTERVAL_MS);
    const more = exchanges(a).length + exchanges(b).length - begun;
    expect(more).to.be.within(8, 14);
  });

  it("of two that ask each other at once lets one go on", async () => {
    const { cluster, a, b } = pair();
    await a.put("x", "value");
    const [ofA, ofB] = await cluster.finished(
      Promise.all([a.antiEntropy.compareNow(30_000), b.antiEntropy.compareNow(30_000)]),
    );
    if (ofA?.status !== "compared" || ofB?.status !== "compared") throw new Error("not compared");
    const moved = [...ofA.exchanges, ...ofB.exchanges].reduce(
      (sum, e) => sum + e.recordsPulled + e.recordsPushed,
      0,
    );
    expect(moved).to.equal(1);
    expect([ofA.exchanges[0]!.outcome, ofB.exchanges[0]!.outcome]).to.deep.equal(["repaired", "equal"]);
  });

  it("tries again sooner than the interval after a failure, at growing distances", async () => {
    const { cluster, a, b } = pair();
    cluster.passes = (_, message) => message.kind === "reply";
    a.antiEntropy.start();
    a.antiEntropy.compareSoon(b.id);
    await cluster.advance(120_000);
    const failures = exchanges(a).filter(({ outcome }) => outcome === "failed").length;
    expect(failures).to.be.within(3, 5);
    expect(a.antiEntropy.lastExchanges()[0]).to.include({ outcome: "failed", equalAgoMs: undefined });
    cluster.passes = () => true;
    await cluster.advance(60_000);
    expect(a.antiEntropy.lastExchanges()[0]).to.include({ outcome: "equal", recordsMoved: 0 });
  });

  it("tells who listens which partitions it holds in full, also when the other began", async () => {
    const { cluster, a, b } = pair();
    await b.put("x", "value");
    const told: string[] = [];
    for (const node of [a, b])
      node.antiEntropy.onCompared((peer, partitions) => told.push(`${node.id} ${peer} ${partitions.length}`));
    await cluster.compareNow(a);
    expect(told).to.deep.equal([`${a.id} ${b.id} 256`]);
    await cluster.compareNow(a);
    expect(told.slice(1)).to.have.members([`${a.id} ${b.id} 256`, `${b.id} ${a.id} 256`]);
    expect(b.antiEntropy.lastExchanges()[0]).to.include({ peer: a.id, outcome: "equal" });
  });

  it("tells so of an exchange of some partitions too, and not the peer that was asked", async () => {
    const { cluster, a, b } = pair();
    await b.put("x", "value");
    const told: string[] = [];
    for (const node of [a, b])
      node.antiEntropy.onCompared((peer, partitions) =>
        told.push(`${node.id} ${peer} ${partitions.join(" ")}`),
      );
    const limits = { deadlineMs: cluster.nowMs + 30_000, isWanted: () => true, recheckMs: undefined };
    await cluster.finished(a.antiEntropy.exchange(b.id, [3, 5], limits));
    expect(told).to.deep.equal([`${a.id} ${b.id} 3 5`]);
  });

  it("is asked to compare one at a time, and says so", async () => {
    const { cluster, a } = pair();
    const first = a.antiEntropy.compareNow(30_000);
    expect((await cluster.compare(a)).status).to.equal("busy");
    expect((await cluster.finished(first)).status).to.equal("compared");
    expect((await cluster.compare(a)).status).to.equal("compared");
  });

  it("says of a co-owner that it cannot reach that it was not compared", async () => {
    const { cluster, a, b } = pair();
    cluster.cut(a, b);
    const [report] = await cluster.compareNow(a);
    expect(report).to.include({ peer: b.id, outcome: "failed" });
    expect(report!.reason).to.include("not connected");
  });

  it("does not begin an exchange whose time was up while another one went on, nor calls it failed", async () => {
    const { cluster, a, b } = pair();
    a.antiEntropy.start();
    cluster.passes = () => false;
    a.antiEntropy.compareSoon(b.id);
    await cluster.advance(2_000);
    const [report] = await cluster.compareNow(a, 1_000);
    expect(report!.outcome).to.equal("failed");
    cluster.passes = () => true;
    await cluster.advance(20_000);
    expect(exchanges(a).map(({ reason }) => reason)).not.to.include(
      "the time for this exchange is up; the next one goes on",
    );
  });

  it("gives up when its time is up, though the peer is silent", async () => {
    const { cluster, a } = pair();
    cluster.passes = () => false;
    const startMs = cluster.nowMs;
    const [report] = await cluster.compareNow(a, 2_000);
    expect(report!.outcome).to.equal("failed");
    expect(cluster.nowMs - startMs).to.be.lessThan(3_000);
  });

  it("finds a rotten row that nobody reads, and fetches it from the co-owner", async () => {
    const { cluster, a, b } = pair();
    await a.put("x", "value");
    await give(cluster, a, b, "x");
    const sound = Buffer.from(a.record("x")!).toString("hex");
    rot(a, "x");
    expect(await a.roots()).to.deep.equal(await b.roots());
    cluster.start();
    await cluster.advance(2 * SCRUB_INTERVAL_MS);
    expect(Buffer.from(a.record("x")!).toString("hex")).to.equal(sound);
    expect(await a.roots()).to.deep.equal(await b.roots());
    expect(a.events.filter(({ kind }) => kind === "corrupt_rows_repaired")).to.deep.equal([
      { kind: "corrupt_rows_repaired", peerId: b.id, rows: 1 },
    ]);
  });

  it("fetches a row that a read of a peer found rotten within a second", async () => {
    const { cluster, a, b } = pair();
    await a.put("x", "value");
    await give(cluster, a, b, "x");
    rot(a, "x");
    const read = a.answer(b.id, {
      kind: "request",
      call: 1,
      remainingMs: 1_000,
      request: { kind: "read", body: { ...keyNamed("x"), want: "record" }, planned: FORMED },
    });
    await cluster.settle();
    await read;
    await cluster.advance(1_000);
    expect(a.events.some(({ kind }) => kind === "corrupt_rows_repaired")).to.equal(true);
  });

  it("reports a rotten row that no co-owner has either", async () => {
    const { cluster, a } = pair();
    await a.put("x", "value");
    rot(a, "x");
    a.antiEntropy.corruptRowFound(keyNamed("x").position);
    await cluster.advance(1_000);
    expect(a.events.filter(({ kind }) => kind === "corrupt_row_lost").length).to.equal(1);
  });

  it("waits for a co-owner that is away before it calls a row lost", async () => {
    const { cluster, a, b } = pair();
    await a.put("x", "value");
    await give(cluster, a, b, "x");
    rot(a, "x");
    cluster.cut(a, b);
    a.antiEntropy.corruptRowFound(keyNamed("x").position);
    await cluster.advance(60_000);
    expect(a.events.some(({ kind }) => kind.startsWith("corrupt_"))).to.equal(false);
    cluster.mend();
    await cluster.advance(20_000);
    expect(a.events.some(({ kind }) => kind === "corrupt_rows_repaired")).to.equal(true);
  });

  it("fetches a rotten row at once, also while another waits for a co-owner that is away", async () => {
    const cluster = new ReplicaCluster({ nodes: 4, replicas: 2 });
    const [a] = cluster.nodes as [ReplicaNode];
    const ownersOf = (name: string): readonly NodeId[] =>
      a.ringState.preferenceList(partitionOf(keyNamed(name).position, 256)).owners;
    const names = Array.from({ length: 200 }, (_, i) => `k${i}`).filter((name) =>
      ownersOf(name).includes(a.id),
    );
    const coOwner = (name: string): ReplicaNode =>
      cluster.nodes.find((node) => node !== a && ownersOf(name).includes(node.id))!;
    const waiting = names[0]!;
    const other = names.find((name) => coOwner(name) !== coOwner(waiting))!;
    for (const name of [waiting, other]) {
      await a.put(name, "value");
      await give(cluster, a, coOwner(name), name);
      rot(a, name);
    }
    cluster.cut(a, coOwner(waiting));
    a.antiEntropy.corruptRowFound(keyNamed(waiting).position);
    await cluster.advance(2_000);
    a.antiEntropy.corruptRowFound(keyNamed(other).position);
    await cluster.advance(1_000);
    expect(a.events.filter(({ kind }) => kind === "corrupt_rows_repaired")).to.deep.equal([
      { kind: "corrupt_rows_repaired", peerId: coOwner(other).id, rows: 1 },
    ]);
    cluster.mend();
    await cluster.advance(20_000);
    expect(a.events.filter(({ kind }) => kind === "corrupt_rows_repaired").length).to.equal(2);
  });

  it("computes a leaf anew whose row vanished, so that the row is seen to be missing", async () => {
    const { cluster, a, b } = pair();
    await a.put("x", "value");
    await give(cluster, a, b, "x");
    a.data.remove(keyNamed("x").position);
    expect(await a.roots()).to.deep.equal(await b.roots());
    cluster.start();
    await cluster.advance(2 * SCRUB_INTERVAL_MS);
    expect(a.record("x")).not.to.equal(undefined);
    expect(await a.roots()).to.deep.equal(await b.roots());
    const rebuilt = a.events.flatMap((event) => (event.kind === "scrub_stepped" ? event.leavesRebuilt : []));
    expect(rebuilt.reduce((sum, count) => sum + count, 0)).to.equal(1);
  });
});

describe("anti-entropy that was asked for, with a co-owner that is busy", () => {
  const GIVEN_MS = 60_000;
  const BUSY = encodeDeclined({ status: "busy", message: "node b repairs its copies with another node" });

  function threeOfWhichBIsBusy(): {
    cluster: ReplicaCluster;
    a: ReplicaNode;
    b: ReplicaNode;
    c: ReplicaNode;
  } {
    const cluster = new ReplicaCluster({ nodes: 3, replicas: 3 });
    const [a, b, c] = cluster.nodes as [ReplicaNode, ReplicaNode, ReplicaNode];
    b.answer = () => Promise.resolve(BUSY);
    return { cluster, a, b, c };
  }

  function timesAsked(node: ReplicaNode, peer: ReplicaNode): number {
    return exchanges(node).filter(({ peerId }) => peerId === peer.id).length;
  }

  it("compares with all others first, and names the busy one postponed", async () => {
    const { cluster, a, b, c } = threeOfWhichBIsBusy();
    await c.put("x", "value");
    const comparing = a.antiEntropy.compareNow(GIVEN_MS);
    await cluster.advance(5_000);
    expect(a.record("x")).not.to.equal(undefined);
    const compared = await cluster.finished(comparing);
    if (compared.status !== "compared") throw new Error(compared.status);
    expect(compared.exchanges.map(({ peer, outcome }) => [peer, outcome])).to.deep.equal([
      [b.id, "postponed"],
      [c.id, "repaired"],
    ]);
    expect(timesAsked(a, b), "less and less often").to.be.within(6, 16);
  });

  it("repairs with the busy one as soon as it has time", async () => {
    const { cluster, a, b } = pair();
    await b.put("x", "value");
    b.answer = () => Promise.resolve(BUSY);
    const comparing = a.antiEntropy.compareNow(GIVEN_MS);
    await cluster.advance(10_000);
    b.answer = ReplicaNode.prototype.answer.bind(b);
    const compared = await cluster.finished(comparing);
    if (compared.status !== "compared") throw new Error(compared.status);
    expect(compared.exchanges.map(({ outcome }) => outcome)).to.deep.equal(["repaired"]);
  });

  it("goes on with its schedule while it waits for the busy one", async () => {
    const { cluster, a, c } = threeOfWhichBIsBusy();
    cluster.passes = (from, message) => from === a || message.kind === "reply";
    const comparing = a.antiEntropy.compareNow(10 * INTERVAL_MS);
    await cluster.advance(5_000);
    await c.put("x", "value");
    await cluster.advance(2 * INTERVAL_MS);
    expect(a.record("x")).not.to.equal(undefined);
    await cluster.finished(comparing);
  });

  it("ends within seconds once nobody waits for it", async () => {
    const { cluster, a } = threeOfWhichBIsBusy();
    let isWanted = true;
    const comparing = a.antiEntropy.compareNow(10 * INTERVAL_MS, () => isWanted);
    await cluster.advance(5_000);
    isWanted = false;
    const startMs = cluster.nowMs;
    expect((await cluster.finished(comparing)).status).to.equal("compared");
    expect(cluster.nowMs - startMs).to.be.lessThan(10_000);
  });

  it("stops an exchange that nobody waits for before its next question", async () => {
    const { cluster, a, b } = pair();
    await b.put("x", "value");
    let isWanted = true;
    cluster.passes = (_, message) => {
      if (message.kind === "reply") isWanted = false;
      return true;
    };
    const compared = await cluster.finished(a.antiEntropy.compareNow(GIVEN_MS, () => isWanted));
    if (compared.status !== "compared") throw new Error(compared.status);
    expect(compared.exchanges[0]).to.include({ outcome: "failed", recordsPulled: 0 });
    expect(compared.exchanges[0]!.reason).to.include("has gone");
  });
});
