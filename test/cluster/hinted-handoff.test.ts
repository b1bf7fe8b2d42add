import { expect } from "chai";
import { DynamoClient } from "../../client/dynamo-client.ts";
import type { LocalNode } from "../../client/local/local-layout.ts";
import type { AdminPreferenceList, AdminReplica, AdminStatus } from "../../node/contract/admin-types.ts";
import { adminAnswer } from "./admin-answer.ts";
import { endAtOnce } from "./faults/node-signals.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

/**
 * Two of a key's three owners are killed, writes go on, the two come back. Nothing reads while the hints go home:
 * /admin/v1/replica looks at one node's own disk and repairs nothing.
 */
const KEYS = 300;
const keys = ["ada", ...Array.from({ length: KEYS }, (_, i) => `key-${i}`)];
/** Written before the kill. */
const earlier = Array.from({ length: 100 }, (_, i) => `earlier-${i}`);
const DRAIN_MS_MAX = 60_000;
const POLL_MS = 100;

describe("cluster: hinted handoff: N=3 W=2 on five nodes", function () {
  this.timeout(180_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(5);
  const byId = new Map<string, LocalNode>();
  let dead: LocalNode[];
  let deadIds: string[];
  let standIns: LocalNode[];

  before(async () => {
    expectCode(await rig.up("--nodes", "5"), 0);
    for (const node of nodes) byId.set((await status(node)).node.id, node);
    const { owners } = await adminAnswer<AdminPreferenceList>(nodes[0]!, "preference-list/carts/ada");
    deadIds = owners.slice(0, 2).map(({ id }) => id);
    dead = deadIds.map((id) => byId.get(id)!);
    standIns = nodes.filter((node) => !dead.includes(node));
  });
  after(() => rig.remove());

  /** By owner, over all nodes that are up. */
  async function pending(of: readonly LocalNode[]): Promise<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const node of of) {
      for (const [owner, count] of Object.entries((await status(node)).hints.pending)) {
        sums[owner] = (sums[owner] ?? 0) + count;
      }
    }
    return sums;
  }

  /** The nodes that have a copy, by index, and for whom. */
  async function copiesOf(key: string): Promise<Record<number, "own" | "for others">> {
    const copies: Record<number, "own" | "for others"> = {};
    for (const node of nodes) {
      const answer = await fetch(`http://${node.admin}/admin/v1/replica/carts/${key}`);
      if (answer.status === 404) continue;
      const { keptFor } = (await answer.json()) as AdminReplica;
      copies[node.index] = keptFor.length === 0 ? "own" : "for others";
    }
    return copies;
  }

  async function ownersOf(key: string): Promise<Record<number, "own">> {
    const { owners } = await adminAnswer<AdminPreferenceList>(nodes[0]!, `preference-list/carts/${key}`);
    return Object.fromEntries(owners.map(({ id }) => [byId.get(id)!.index, "own"]));
  }

  it("serves what was written before two of three owners died: no key is not found", async () => {
    const client = clientOf(standIns);
    try {
      for (const key of earlier) await client.putBlind("carts", key, `the cart ${key}`);
      await endAtOnce(dead, "SIGKILL");
      for (const key of earlier) {
        expect((await client.get("carts", key)).text(), key).to.equal(`the cart ${key}`);
      }
    } finally {
      client.close();
    }
  });

  it("takes writes while two of three owners are dead, and keeps a hint for each of them", async () => {
    const client = clientOf(standIns);
    try {
      for (const key of keys) await client.putBlind("carts", key, `the cart ${key}`);
    } finally {
      client.close();
    }
    const counts = await pending(standIns);
    expect(Object.keys(counts).sort()).to.deep.equal([...deadIds].sort());
    for (const id of deadIds) expect(counts[id], id).to.be.greaterThan(0);
  });

  it("hands all of them over when the two come back, and forgets them", async () => {
    expectCode(await rig.up(), 0);
    const deadline = performance.now() + DRAIN_MS_MAX;
    while (Object.keys(await pending(nodes)).length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    expect(await pending(nodes)).to.deep.equal({});
  });

  it("leaves each key at its three owners and nowhere else, without a read of it", async () => {
    for (const key of keys) {
      expect(await copiesOf(key), key).to.deep.equal(await ownersOf(key));
    }
  });

  it("tells of it in the metrics", async () => {
    let delivered = 0;
    for (const node of standIns) {
      const text = await (await fetch(`http://${node.admin}/metrics`)).text();
      delivered += Number(/^dynamo_handoff_hints_total\{outcome="delivered"\} (\d+)$/m.exec(text)?.[1] ?? 0);
      expect(text).to.match(/^dynamo_handoff_hints_pending 0$/m);
      expect(text).to.match(/^dynamo_handoff_hints_orphaned 0$/m);
    }
    expect(delivered).to.be.greaterThan(KEYS / 2);
  });
});

/** One attempt a call: what a node itself answers. */
function clientOf(nodes: readonly LocalNode[]): DynamoClient {
  return new DynamoClient({ endpoints: nodes.map((node) => `http://${node.client}`), retries: 0 });
}

function status(node: LocalNode): Promise<AdminStatus> {
  return adminAnswer<AdminStatus>(node, "status");
}
