import { expect } from "chai";
import path from "node:path";
import { DynamoClient } from "../../client/dynamo-client.ts";
import type { LocalNode } from "../../client/local/local-layout.ts";
import type { AdminPreferenceList, AdminStatus } from "../../node/contract/admin-types.ts";
import { adminAnswer } from "./admin-answer.ts";
import { endAtOnce } from "./faults/node-signals.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";
import { storedRows } from "./stored-rows.ts";

/**
 * What was deleted is forgotten by all members together, and by none while a stand-in is away that keeps the deleted values
 * for an owner that was away before. Intervals and pauses are far below the defaults.
 */
const KEYS = 10_000;
const AT_ONCE = 32;
const ENV = {
  DYNAMO_SEAL_INTERVAL_MS: "1000",
  DYNAMO_SEAL_PAUSE_MS: "6000",
  DYNAMO_REQUEST_TIMEOUT_MS_MAX: "3000",
  DYNAMO_ANTI_ENTROPY_INTERVAL_MS: "2000",
};
const COLLECTED_MS_MAX = 240_000;
/** Many intervals and a pause, in which nothing may be forgotten. */
const AWAY_MS = 12_000;
const STARTED_MS_MAX = 30_000;
const POLL_MS = 500;

describe("cluster: seal rounds: N=3 W=2 on five nodes", function () {
  this.timeout(600_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(5);
  let owner: LocalNode;
  let standIn: LocalNode;

  before(async () => {
    expectCode(await rig.upWith(ENV, "--nodes", "5"), 0);
    const byId = new Map<string, LocalNode>();
    for (const node of nodes) byId.set((await status(node)).node.id, node);
    const { owners, fallbacks } = await adminAnswer<AdminPreferenceList>(
      nodes[0]!,
      "preference-list/carts/ada",
    );
    owner = byId.get(owners[0]!.id)!;
    standIn = byId.get(fallbacks[0]!.id)!;
  });
  after(() => rig.remove());

  it("forgets 10,000 deleted keys: no row of them is left in any table", async () => {
    const keys = Array.from({ length: KEYS }, (_, i) => `many-${i}`);
    await each(nodes, keys, (client, key) => client.putBlind("carts", key, "v".repeat(100)));
    await each(nodes, keys, (client, key) => client.delete("carts", key));
    await untilForgotten(nodes);
    for (const node of nodes) expect(rowsOf(node), `node ${node.index}`).to.deep.equal({ data: 0, hints: 0 });
    await each(nodes, keys.slice(0, 100), async (client, key) => {
      expect((await client.get("carts", key)).exists, key).to.equal(false);
    });
  });

  it("forgets nothing while a stand-in is away with the deleted value; back again, it brings none to life", async () => {
    const keys = ["ada", ...Array.from({ length: 300 }, (_, i) => `kept-${i}`)];
    await endAtOnce([owner], "SIGKILL");
    await each(without(owner), keys, (client, key) => client.putBlind("carts", key, "a value"));
    expect(rowsOf(standIn).hints).to.be.greaterThan(0);
    await endAtOnce([standIn], "SIGKILL");
    await startAlone(owner);
    await each(without(standIn), keys, (client, key) => client.delete("carts", key));
    const tombstones = await sumOfTombstones(without(standIn));
    expect(tombstones).to.be.greaterThan(keys.length);
    await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
    expect(await sumOfTombstones(without(standIn))).to.be.at.least(tombstones);
    expect(await outcomes(without(standIn))).to.include("silent");

    expectCode(await rig.upWith(ENV, "--nodes", "5"), 0);
    await untilForgotten(nodes);
    for (const node of nodes) expect(rowsOf(node), `node ${node.index}`).to.deep.equal({ data: 0, hints: 0 });
    await each(nodes, keys, async (client, key) => {
      expect((await client.get("carts", key)).exists, key).to.equal(false);
    });
  });

  /** The others stay as they are. */
  async function startAlone(node: LocalNode): Promise<void> {
    rig.startAlone(node, nodes, ENV);
    const deadlineMs = performance.now() + STARTED_MS_MAX;
    while ((await status(node).catch(() => undefined))?.peers.up !== nodes.length - 2) {
      if (performance.now() > deadlineMs) throw new Error(`node ${node.index} does not come up`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  function without(absent: LocalNode): LocalNode[] {
    return nodes.filter((node) => node !== absent);
  }
});

/** Does it for each key, some at once. */
async function each(
  nodes: readonly LocalNode[],
  keys: readonly string[],
  act: (client: DynamoClient, key: string) => Promise<unknown>,
): Promise<void> {
  const client = new DynamoClient({
    endpoints: nodes.map((node) => `http://${node.client}`),
    timeoutMs: 30_000,
  });
  const left = [...keys];
  const next = async (): Promise<void> => {
    for (let key = left.pop(); key !== undefined; key = left.pop()) await act(client, key);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  client.close();
}

async function untilForgotten(nodes: readonly LocalNode[]): Promise<void> {
  const deadlineMs = performance.now() + COLLECTED_MS_MAX;
  for (;;) {
    const left = await sumOfTombstones(nodes);
    const hints = await sumOfHints(nodes);
    if (left + hints === 0) return;
    if (performance.now() > deadlineMs)
      throw new Error(
        `${left} tombstones and ${hints} hints are left; ${(await outcomes(nodes)).join(", ")}`,
      );
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function sumOfTombstones(nodes: readonly LocalNode[]): Promise<number> {
  const statuses = await Promise.all(nodes.map(status));
  return statuses.reduce((sum, { tombstones }) => sum + tombstones.count, 0);
}

async function sumOfHints(nodes: readonly LocalNode[]): Promise<number> {
  const statuses = await Promise.all(nodes.map(status));
  return statuses.flatMap(({ hints }) => Object.values(hints.pending)).reduce((sum, count) => sum + count, 0);
}

async function outcomes(nodes: readonly LocalNode[]): Promise<string[]> {
  return (await Promise.all(nodes.map(status))).map(({ seals }) => seals.lastRound?.outcome ?? "none");
}

/** What lies in the files, whatever the node says. */
function rowsOf(node: LocalNode): { data: number; hints: number } {
  const count = (file: string): number => storedRows(path.join(node.dataDirectory, file));
  return { data: count("data.db"), hints: count("hints.db") };
}

function status(node: LocalNode): Promise<AdminStatus> {
  return adminAnswer<AdminStatus>(node, "status");
}
