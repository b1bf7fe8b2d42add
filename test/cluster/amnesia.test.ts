import { expect } from "chai";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { DynamoClient } from "../../client/dynamo-client.ts";
import type { LocalNode } from "../../client/local/local-layout.ts";
import { runningPid, startNode } from "../../client/local/node-process.ts";
import type { AdminStatus } from "../../node/contract/admin-types.ts";
import { endAtOnce } from "./faults/node-signals.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

/**
 * A node loses its databases, or gets old ones back, while its identity stays. It must notice by itself or from its
 * peers, vote in no read until it was compared with every co-owner, and take writes all the while.
 */
const STATE_MS_MAX = 60_000;
const POLL_MS = 50;
const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`);

describe("cluster: amnesia: N=3 R=2 W=2 on three nodes", function () {
  this.timeout(240_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(3);
  const [, second, third] = nodes as [LocalNode, LocalNode, LocalNode];

  before(async () => {
    expectCode(await rig.up("--nodes", "3"), 0);
    await putAll(nodes, "old");
  });
  after(() => rig.remove());

  it("is not recovering in a new cluster, nor after all of it restarted", async () => {
    for (const node of nodes) expect((await status(node)).recovery.recovering).to.equal(false);
    await endAtOnce(nodes, "SIGKILL");
    expectCode(await rig.up(), 0);
    await putAll(nodes, "new");
    for (const node of nodes) {
      expect(await status(node)).to.deep.include({
        state: "serving",
        recovery: { recovering: false, partitionsLeft: 0 },
      });
      expect(logOf(node)).not.to.include("recovery_started");
    }
  });

  it("says so and is no vote while a co-owner is away, and takes writes", async () => {
    const flags = await flagsOf(third);
    const flagsOfSecond = await flagsOf(second);
    await endAtOnce([second, third], "SIGKILL");
    for (const name of databasesOf(third)) rmSync(path.join(third.dataDirectory, name));
    startNode(third, flags);
    await until("third is recovering", async () => (await status(third)).state === "recovering");
    expect(await ready(third)).to.equal(200);
    const { recovery, stateReason } = await status(third);
    expect(recovery.partitionsLeft).to.be.greaterThan(0);
    expect(stateReason).to.include("lost data");
    expect(await metric(third, "dynamo_recovering")).to.equal(1);
    const read = await fetch(`http://${third.client}/v1/kv/carts/key-0?timeout_ms=1000`);
    expect(read.status, "one vote of two").to.equal(503);
    const one = await fetch(`http://${third.client}/v1/kv/carts/key-0?r=1&timeout_ms=1000`);
    expect([one.status, await one.text()], "the vote is the one that knows").to.deep.equal([200, "new"]);
    const put = await fetch(`http://${third.client}/v1/kv/carts/other`, { method: "PUT", body: "x" });
    expect(put.status).to.equal(204);

    await endAtOnce([third], "SIGKILL");
    startNode(third, flags);
    await until("third goes on", async () => (await status(third)).state === "recovering");

    startNode(second, flagsOfSecond);
    await until("third has got all back", async () => (await status(third)).state === "serving");
    expect(logOf(third)).to.include("recovery_finished");
    expect(await metric(third, "dynamo_recovering")).to.equal(0);
    await expectAll([third], "new");
  });

  it("recognises databases of the day before, also where its own notes are as old", async () => {
    await until("all serve", async () => (await statuses()).every(({ state }) => state === "serving"));
    const backup = mkdtempSync(path.join(rig.directory, "backup-"));
    await endAtOnce([third], "SIGKILL");
    for (const name of [...databasesOf(third), "acknowledgements.json"])
      cpSync(path.join(third.dataDirectory, name), path.join(backup, name));
    expectCode(await rig.up(), 0);
    await putAll(nodes, "newest");
    const told = countOf(logOf(third), "rolled_back");
    await endAtOnce([third], "SIGKILL");
    for (const name of databasesOf(third)) rmSync(path.join(third.dataDirectory, name));
    mkdirSync(third.dataDirectory, { recursive: true });
    cpSync(backup, third.dataDirectory, { recursive: true });
    expectCode(await rig.up(), 0);
    await until("its peers told it", async () => countOf(logOf(third), "rolled_back") > told);
    await until("third has got all back", async () => (await status(third)).state === "serving");
    await expectAll([third], "newest");

    const { length } = logOf(third);
    await endAtOnce([third], "SIGKILL");
    expectCode(await rig.up(), 0);
    await putAll(nodes, "last");
    expect(logOf(third).slice(length), "that is over").not.to.include("recovery_started");
  });

  async function putAll(to: readonly LocalNode[], value: string): Promise<void> {
    const client = clientOf(to);
    for (const key of keys) await client.put(await client.get("carts", key), value);
    client.close();
  }

  async function expectAll(of: readonly LocalNode[], value: string): Promise<void> {
    const client = clientOf(of);
    for (const key of keys) expect((await client.get("carts", key)).text(), key).to.equal(value);
    client.close();
  }

  function statuses(): Promise<AdminStatus[]> {
    return Promise.all(nodes.map(status));
  }
});

function clientOf(nodes: readonly LocalNode[]): DynamoClient {
  const endpoints = nodes.map((node) => `http://${node.client}`);
  return new DynamoClient({ endpoints, timeoutMs: 30_000 });
}

async function status(node: LocalNode): Promise<AdminStatus> {
  return (await (await fetch(`http://${node.admin}/admin/v1/status`)).json()) as AdminStatus;
}

async function ready(node: LocalNode): Promise<number> {
  return (await fetch(`http://${node.admin}/readyz`)).status;
}

async function metric(node: LocalNode, name: string): Promise<number> {
  const text = await (await fetch(`http://${node.admin}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
}

/** Until it answers true; a node that does not answer yet is no failure. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + STATE_MS_MAX;
  for (;;) {
    const now = await isSo().catch(() => false);
    if (now) return;
    if (performance.now() > deadlineMs) throw new Error(`not within ${STATE_MS_MAX} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function databasesOf(node: LocalNode): string[] {
  return readdirSync(node.dataDirectory).filter((name) => /^(data|hints)\.db/.test(name));
}

function logOf(node: LocalNode): string {
  return readFileSync(node.logFile, "utf8");
}

function countOf(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** What its process was started with, for starting it alone. */
async function flagsOf(node: LocalNode): Promise<string[]> {
  const pid = await runningPid(node);
  if (pid === undefined) throw new Error(`node ${node.index} is not running`);
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(2, -1);
}
