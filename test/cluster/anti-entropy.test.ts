import { expect } from "chai";
import { cpSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { DynamoClient } from "../../client/dynamo-client.ts";
import type { LocalNode } from "../../client/local/local-layout.ts";
import type {
  AdminPartitions,
  AdminRepair,
  AdminReplica,
  AdminStatus,
} from "../../node/contract/admin-types.ts";
import { adminAnswer } from "./admin-answer.ts";
import { endAtOnce } from "./faults/node-signals.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

/**
 * Copies that differ become equal without a read or a hint: a node comes back without its databases, or with those of
 * an hour ago. Roots say when they are; the metrics say what it took.
 */
const EQUAL_MS_MAX = 30_000;
const POLL_MS = 200;
const PUTS_AT_ONCE = 32;

describe("cluster: anti-entropy: N=3 on three nodes", function () {
  this.timeout(240_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(3);
  const [first, second, third] = nodes as [LocalNode, LocalNode, LocalNode];

  before(async () => expectCode(await rig.up("--nodes", "3"), 0));
  after(() => rig.remove());

  async function put(names: readonly string[], value: string): Promise<void> {
    const client = new DynamoClient({
      endpoints: nodes.map((node) => `http://${node.client}`),
      timeoutMs: 30_000,
    });
    const left = [...names];
    const putOn = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop())
        await client.putBlind("carts", name, value);
    };
    await Promise.all(Array.from({ length: PUTS_AT_ONCE }, putOn));
    client.close();
  }

  async function repairAll(): Promise<AdminRepair[]> {
    const run = expectCode(await rig.command(3, ["repair", "--output", "json"]), 0);
    return (JSON.parse(run.out) as { nodes: { repair: AdminRepair }[] }).nodes.map(({ repair }) => repair);
  }

  it("brings a node without its databases to equal roots, and tells what it moved", async () => {
    const names = Array.from({ length: 800 }, (_, i) => `key-${i}`);
    await put(names, "the value of a cart");
    await put(["twice", "twice"], "concurrent");
    expectCode(await rig.command(3, ["delete", "carts", "key-0"]), 0);
    await untilEqual(nodes);
    const before = await dotsOf(first, "twice");

    await endAtOnce([third], "SIGKILL");
    const lost = readdirSync(third.dataDirectory).filter((name) => /^(data|hints)\.db/.test(name));
    expect(lost).to.include.members(["data.db", "hints.db"]);
    for (const name of lost) rmSync(path.join(third.dataDirectory, name));
    expectCode(await rig.up(), 0);
    const partitions = await untilEqual(nodes);
    expect(partitions.every(({ role }) => role === "owner")).to.equal(true);
    expect(partitions.reduce((sum, { keys }) => sum + keys, 0)).to.equal(801);

    expect(await movedRecords(nodes, 801)).to.be.within(801, 2 * 801);
    expect(await sumOf(nodes, "dynamo_antientropy_bytes_total")).to.be.within(801 * 100, 2 * 801 * 1_000);
    expect(await dotsOf(third, "twice")).to.deep.equal(before);
    expect((await replica(third, "key-0")).tombstone).to.equal(true);
  });

  it("then has nothing to repair, and every node says of both others that they are equal", async () => {
    for (const { exchanges, recordsMoved, bytesMoved } of await repairAll()) {
      expect(exchanges.map(({ outcome }) => outcome)).to.deep.equal(["equal", "equal"]);
      expect(recordsMoved).to.equal(0);
      expect(bytesMoved).to.be.lessThan(20_000);
    }
    for (const node of nodes) {
      const last = Object.values((await adminAnswer<AdminStatus>(node, "status")).antiEntropy.lastExchange);
      expect(last.map(({ outcome }) => outcome)).to.deep.equal(["equal", "equal"]);
    }
  });

  it("moves some 10 records where a backup is put back in which 10 keys of 10,811 are missing", async () => {
    await put(
      Array.from({ length: 10_000 }, (_, i) => `many-${i}`),
      "v".repeat(200),
    );
    await untilEqual(nodes);
    const backup = path.join(rig.directory, "backup");
    await endAtOnce([third], "SIGTERM");
    cpSync(third.dataDirectory, backup, { recursive: true });
    expectCode(await rig.up(), 0);
    await put(
      Array.from({ length: 10 }, (_, i) => `late-${i}`),
      "v".repeat(200),
    );
    await untilEqual(nodes);

    await endAtOnce(nodes, "SIGTERM");
    for (const name of readdirSync(third.dataDirectory)) {
      if (!/^(data|hints)\.db/.test(name)) continue;
      rmSync(path.join(third.dataDirectory, name));
    }
    for (const name of readdirSync(backup)) {
      if (/^(data|hints)\.db/.test(name))
        cpSync(path.join(backup, name), path.join(third.dataDirectory, name));
    }
    expectCode(await rig.up(), 0);
    await untilEqual(nodes);
    for (let i = 0; i < 10; i++) expect((await replica(third, `late-${i}`)).dots.length).to.equal(1);
    // Both others may begin at the same time and send the same ten.
    expect(await movedRecords(nodes, 10)).to.be.within(10, 30);
    expect(await sumOf(nodes, "dynamo_antientropy_bytes_total")).to.be.lessThan(400_000);
  });

  it("refuses to repair for whoever lacks the cluster's secret", async () => {
    const answer = await fetch(`http://${second.admin}/admin/v1/anti-entropy`, { method: "POST" });
    expect(answer.status).to.equal(401);
  });
});

/** The partitions of the first node, once all nodes have the same keys and roots. */
async function untilEqual(nodes: readonly LocalNode[]): Promise<AdminPartitions["partitions"]> {
  const deadlineMs = performance.now() + EQUAL_MS_MAX;
  for (;;) {
    const [one, ...others] = await Promise.all(
      nodes.map((node) => adminAnswer<AdminPartitions>(node, "partitions")),
    );
    const differing = others.flatMap(({ partitions }) =>
      partitions.filter(
        ({ root, keys }, i) => root !== one!.partitions[i]!.root || keys !== one!.partitions[i]!.keys,
      ),
    );
    if (differing.length === 0) return one!.partitions;
    if (performance.now() > deadlineMs)
      throw new Error(`${differing.length} partitions still differ after ${EQUAL_MS_MAX} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Once they are as many as are waited for: an exchange is counted when it ends, a little after its last row has made the roots equal. */
async function movedRecords(nodes: readonly LocalNode[], expected: number): Promise<number> {
  const deadlineMs = performance.now() + EQUAL_MS_MAX;
  let moved = await sumOf(nodes, "dynamo_antientropy_records_total");
  while (moved < expected && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    moved = await sumOf(nodes, "dynamo_antientropy_records_total");
  }
  return moved;
}

async function sumOf(nodes: readonly LocalNode[], metric: string): Promise<number> {
  let sum = 0;
  for (const node of nodes) {
    const text = await (await fetch(`http://${node.admin}/metrics`)).text();
    for (const [, value] of text.matchAll(new RegExp(`^${metric}\\{[^}]*\\} (\\d+)$`, "gm")))
      sum += Number(value);
  }
  return sum;
}

async function dotsOf(node: LocalNode, key: string): Promise<string[]> {
  return (await replica(node, key)).dots.map(({ actor, n }) => `${actor}:${n}`);
}

function replica(node: LocalNode, key: string): Promise<AdminReplica> {
  return adminAnswer<AdminReplica>(node, `replica/carts/${key}`);
}
