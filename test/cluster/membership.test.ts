import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect } from "chai";
import { adminTokenFrom, ensureClusterSecret } from "../../client/cluster-secret.ts";
import { awaitServing } from "../../client/local/ring-start.ts";
import type { AdminMember, AdminMembers, AdminStatus } from "../../node/contract/admin-types.ts";
import { adminAnswer } from "./admin-answer.ts";
import { FaultNode } from "./faults/fault-node.ts";

/** Gossip and failure detection between real processes: who is known where, and who believes what of whom. */
const STOPPED_MS_MIN = 1_500;

describe("cluster: membership", function () {
  this.timeout(120_000);
  const directory = mkdtempSync(path.join(os.tmpdir(), "dynamokv-membership-"));
  const secretFile = path.join(directory, "cluster-secret");
  const started: FaultNode[] = [];

  before(() => ensureClusterSecret(secretFile));

  afterEach(async () => {
    await Promise.all(started.splice(0).map((node) => node.end("SIGKILL")));
  });

  after(() => rmSync(directory, { recursive: true, force: true }));

  /** A node at 127.0.2.`place`, on the data in `name`; it knows nobody but `seed`. */
  function nodeAt(place: number, name: string, seed: string): FaultNode {
    const data = path.join(directory, name);
    mkdirSync(data, { recursive: true });
    const host = `127.0.2.${place}`;
    const node = new FaultNode({
      mayBeOutside: false,
      index: place,
      host,
      directory: data,
      peers: [seed],
      secretFile,
    });
    started.push(node);
    return node;
  }

  async function formed(nodes: readonly FaultNode[]): Promise<void> {
    for (const node of nodes) node.spawn();
    const token = await adminTokenFrom(secretFile);
    await awaitServing({
      nodes,
      size: nodes.length,
      clusterId: "membership",
      token,
      progress: () => undefined,
    });
  }

  it("lets two nodes meet that never saw each other, after the only seed is gone for ever", async () => {
    const seed = "127.0.2.1:7080";
    const first = nodeAt(1, "seed", seed);
    const early = nodeAt(2, "early", seed);
    const late = nodeAt(3, "late", seed);
    first.spawn();
    early.spawn();
    const earlyId = await idOf(early);
    const firstId = await idOf(first);
    await eventually(first, earlyId, ({ reachable, incarnation }) => reachable && incarnation > 0);
    await early.end("SIGKILL");
    late.spawn();
    const lateId = await idOf(late);
    const heardOf = await eventually(late, earlyId, ({ incarnation }) => incarnation > 0);
    expect(heardOf).to.include({ reachable: false, believed: "down", reason: "never_connected" });
    expect(heardOf.address).to.equal(early.peer);
    await first.end("SIGKILL");
    early.spawn();
    await idOf(early);
    await eventually(late, earlyId, ({ believed }) => believed === "up");
    await eventually(early, lateId, ({ believed }) => believed === "up");
    expect(await memberOf(early, firstId), "it never met the seed in this life").to.satisfy(
      (member: AdminMember | undefined) => member === undefined || !member.reachable,
    );
  });

  it("knows a node that comes back at another address as the same node", async () => {
    const seed = "127.0.2.11:7080";
    const nodes = [11, 12, 13].map((place) => nodeAt(place, `moving-${place}`, seed));
    await formed(nodes);
    const [first, second, third] = nodes as [FaultNode, FaultNode, FaultNode];
    const id = await idOf(third);
    const before = await eventually(second, id, ({ incarnation }) => incarnation > 0);
    await third.end("SIGKILL");
    const gone = await eventually(second, id, ({ believed }) => believed === "down");
    expect(gone.reason).to.equal("disconnected");
    expect(Date.parse(gone.downSince ?? "")).to.be.closeTo(Date.now(), 60_000);
    await eventually(first, id, ({ suspectedBy }) => suspectedBy.length === 1);

    const moved = nodeAt(14, "moving-13", seed);
    await moved.start();
    // It is up as soon as it is connected, and what it says of itself comes a moment later.
    const after = await eventually(
      second,
      id,
      ({ believed, incarnation }) => believed === "up" && incarnation > before.incarnation,
    );
    expect(after).to.include({
      address: moved.peer,
      clientAddress: moved.client,
      state: "active",
      downSince: null,
    });
    await eventually(first, id, ({ suspectedBy }) => suspectedBy.length === 0);
    const status = await adminAnswer<AdminStatus>(second, "status");
    // The formed ring, or the raised one: nothing else changes it.
    expect(status.ring.epoch).to.be.within(1, 2);
    expect(status.peers).to.deep.equal({ up: 2, slow: 0, down: 0 });
    const put = await fetch(`http://${second.client}/v1/kv/b/k?w=3`, { method: "PUT", body: "everywhere" });
    expect(put.status).to.equal(204);
  });

  it("believes a process that is stopped down within 3 s and up at once, and is believed by it all the while", async () => {
    const seed = "127.0.2.21:7080";
    const nodes = [21, 22, 23].map((place) => nodeAt(place, `frozen-${place}`, seed));
    await formed(nodes);
    const [first, second, third] = nodes as [FaultNode, FaultNode, FaultNode];
    const id = await idOf(third);
    for (const node of nodes) await eventually(node, id, ({ believed }) => believed === "up");
    const stoppedMs = performance.now();
    third.signal("SIGSTOP");
    for (const node of [first, second]) {
      const member = await eventually(node, id, ({ believed }) => believed === "down");
      expect(member).to.include({ reason: "silent", reachable: true });
    }
    expect(performance.now() - stoppedMs).to.be.below(3_500);
    await eventually(first, id, ({ suspectedBy }) => suspectedBy.length === 1);
    // Found silent within 0.6 s it would not have missed enough turns of its own to call that a stall.
    await pause(Math.max(0, STOPPED_MS_MIN - (performance.now() - stoppedMs)));
    third.signal("SIGCONT");
    const resumedMs = performance.now();
    for (const node of [first, second]) await eventually(node, id, ({ believed }) => believed === "up");
    expect(performance.now() - resumedMs).to.be.below(5_000);
    // What waited on its sockets may be answered before the timer that measures the pause.
    await pause(1_000);
    const metrics = await (await fetch(`http://${third.admin}/metrics`)).text();
    expect(metrics).to.match(/^dynamo_node_stalls_total [1-9]/m);
    expect(metrics).to.not.match(/dynamo_peer_beliefs_total\{.*reason="silent"/);
  });
});

async function idOf(node: FaultNode): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return (await adminAnswer<AdminStatus>(node, "status")).node.id;
    } catch (error) {
      if (attempt >= 200 || !node.isRunning) throw error;
      await pause();
    }
  }
}

async function memberOf(node: FaultNode, id: string): Promise<AdminMember | undefined> {
  return (await adminAnswer<AdminMembers>(node, "members")).members.find((member) => member.id === id);
}

/** What `node` says of the member once it fulfils the condition; fails after 20 s with what it said last. */
async function eventually(
  node: FaultNode,
  id: string,
  condition: (member: AdminMember) => boolean,
): Promise<AdminMember> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const member = await memberOf(node, id);
    if (member !== undefined && condition(member)) return member;
    if (performance.now() > deadlineMs)
      throw new Error(`node ${node.index} says after 20 s: ${JSON.stringify(member ?? "nothing")}`);
    await pause();
  }
}

function pause(durationMs = 50): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
