import { expect } from "chai";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Sqlite from "better-sqlite3";
import { DynamoClient } from "../../client/dynamo-client.ts";
import type { LocalNode } from "../../client/local/local-layout.ts";
import type { AdminPreferenceList } from "../../node/contract/admin-types.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

/**
 * A write is forwarded to an owner whose process is well and whose disk takes nothing for a while. If it were handed on
 * and then begun there as well, it would have two dots, and the unseen one would come back beside what followed.
 */
const RUNS = 4;

describe("cluster: a stalled disk: N=3 on four nodes", function () {
  this.timeout(120_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(4);
  const byId = new Map<string, LocalNode>();

  before(async () => {
    expectCode(await rig.up("--nodes", "4"), 0);
    for (const node of nodes) {
      const status = await fetch(`http://${node.admin}/admin/v1/status`);
      byId.set(((await status.json()) as { node: { id: string } }).node.id, node);
    }
  });
  after(() => rig.remove());

  async function placesOf(key: string): Promise<{ owners: LocalNode[]; outside: LocalNode }> {
    const answer = await fetch(`http://${nodes[0]!.admin}/admin/v1/preference-list/carts/${key}`);
    const list = (await answer.json()) as AdminPreferenceList;
    const owners = list.owners.map(({ id }) => byId.get(id)!);
    return { owners, outside: nodes.find((node) => !owners.includes(node))! };
  }

  /** Lets nobody else write to the node's data.db for so long. */
  function stall(node: LocalNode, stallMs: number): Promise<unknown> {
    const database = new Sqlite(path.join(node.dataDirectory, "data.db"), { timeout: 3_000 });
    database.exec("BEGIN IMMEDIATE");
    return pause(stallMs).then(() => {
      database.exec("ROLLBACK");
      database.close();
    });
  }

  for (const stallMs of [150, 1_500]) {
    it(`brings no deleted value back that was put while it lasted (${stallMs} ms)`, async () => {
      for (let run = 1; run <= RUNS; run++) {
        const key = `stalled-${stallMs}-${run}`;
        const { owners, outside } = await placesOf(key);
        const stalled = stall(owners[0]!, stallMs);
        const through = (node: LocalNode): DynamoClient =>
          new DynamoClient({ endpoints: [`http://${node.client}`], retries: 0 });
        const [putter, deleter] = [through(outside), through(owners[1]!)];
        try {
          const put = await putter.putBlind("carts", key, "one apple");
          await deleter.delete(put);
          await stalled;
          await pause(500);
          expect((await deleter.get("carts", key, { r: 3, pr: 3 })).siblings, key).to.deep.equal([]);
        } finally {
          await stalled;
          putter.close();
          deleter.close();
        }
      }
    });
  }
});
