import { readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { DynamoClient } from "../../client/dynamo-client.ts";
import type { LocalNode } from "../../client/local/local-layout.ts";
import type { AdminRing, AdminStatus } from "../../node/contract/admin-types.ts";
import { adminAnswer } from "./admin-answer.ts";
import { endAtOnce } from "./faults/node-signals.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";
import { storedRows } from "./stored-rows.ts";

/**
 * A node that was removed while it was dead comes back with its old disk, after what it still has was deleted, and the deletion
 * forgotten. Intervals and pauses are far below the defaults.
 */
const ENV = {
  DYNAMO_SEAL_INTERVAL_MS: "1000",
  DYNAMO_SEAL_PAUSE_MS: "6000",
  DYNAMO_REQUEST_TIMEOUT_MS_MAX: "3000",
  DYNAMO_ANTI_ENTROPY_INTERVAL_MS: "2000",
  // Longer than it takes to kill it and to let it leave, so that the ring is seen with it in between.
  DYNAMO_DEPARTED_AWAY_MS_MAX: "20000",
};
const KEYS = Array.from({ length: 200 }, (_, i) => `key-${i}`);
const WAIT_MS_MAX = 240_000;

describe("cluster: a node that left dead and comes back for good", function () {
  this.timeout(600_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(4);
  const members = nodes.slice(0, 3);
  const old = nodes[3]!;
  const client = new DynamoClient({
    endpoints: members.map((node) => `http://${node.client}`),
    timeoutMs: 30_000,
  });

  before(async () => expectCode(await rig.upWith(ENV, "--nodes", "4"), 0));
  after(async () => {
    client.close();
    await rig.remove();
  });

  it("brings back nothing of what was deleted and forgotten: its copies are put aside, and it joins anew", async () => {
    for (const key of KEYS) await client.putBlind("carts", key, "deleted later");
    const { id } = (await status(old)).node;
    await until("the ring to be one that can change", async () => (await ring()).epoch > 1);
    await endAtOnce([old], "SIGKILL");
    expect(rowsOf(old)).to.be.greaterThan(0);
    expectCode(await rig.command(3, ["ring", "leave", id, "--yes"]), 0);
    expect((await ring()).departed).to.deep.equal([id]);
    for (const key of KEYS) await client.delete("carts", key);
    await until("the departed node to be given up", async () => (await ring()).departed!.length === 0);
    await until("the deleted keys to be forgotten", async () => (await tombstones()) === 0);
    expect(members.map(rowsOf)).to.deep.equal([0, 0, 0]);

    rig.startAlone(old, nodes, ENV);
    await until("its copies to be put aside", async () => setAside().length > 0 && rowsOf(old) === 0);
    expect(members.map(rowsOf)).to.deep.equal([0, 0, 0]);

    await until("it to be down", async () => (await status(old).catch(() => undefined)) === undefined);
    rig.startAlone(old, nodes, ENV);
    await until("it to be back", async () => (await status(old).catch(() => undefined))?.state === "left");
    await until("it to join", async () => (await rig.command(3, ["ring", "join", id, "--yes"])).code === 0);
    await until("it to serve", async () => (await status(old)).state === "serving");
    for (const key of KEYS) expect((await client.get("carts", key)).exists, key).to.equal(false);
    expect([...members, old].map(rowsOf)).to.deep.equal([0, 0, 0, 0]);
    expect(setAside()).to.have.length(1);
  });

  const setAside = (): string[] =>
    readdirSync(old.dataDirectory).filter((name) => name.startsWith("set-aside-"));

  async function tombstones(): Promise<number> {
    const statuses = await Promise.all(members.map(status));
    return statuses.reduce((sum, { tombstones: { count, inDoubt } }) => sum + count + Number(inDoubt), 0);
  }

  const ring = (): Promise<AdminRing> => adminAnswer<AdminRing>(nodes[0]!, "ring");
});

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${WAIT_MS_MAX} ms for ${what}`);
    await delay(500);
  }
}

/** What lies in its data.db, whatever the node says; 0 where there is none. */
function rowsOf(node: LocalNode): number {
  const isThere = readdirSync(node.dataDirectory).includes("data.db");
  return isThere ? storedRows(path.join(node.dataDirectory, "data.db")) : 0;
}

function status(node: LocalNode): Promise<AdminStatus> {
  return adminAnswer<AdminStatus>(node, "status");
}
