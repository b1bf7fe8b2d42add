import { expect } from "chai";
import { DynamoClient } from "../../client/dynamo-client.ts";
import { convergedAfter } from "./faults/convergence.ts";
import { FaultCluster } from "./faults/fault-cluster.ts";
import type { FaultNode } from "./faults/fault-node.ts";
import { between } from "./faults/packet-filter.ts";

/**
 * Five nodes and a packet filter that drops: connections stay open and nothing answers any more, which is the worst
 * that a network does. Clients retry nothing: what they see is what a node answers.
 */
const BUCKET = "carts";
const PUT_MS_MAX = 500;
const CONVERGE_MS_MAX = 60_000;

function clientOf(nodes: readonly FaultNode[]): DynamoClient {
  return new DynamoClient({ endpoints: nodes.map((node) => `http://${node.client}`), retries: 0 });
}

function hostsOf(nodes: readonly FaultNode[]): string[] {
  return nodes.map(({ host }) => host);
}

describe("cluster: netsplit that drops: N=3 W=2 R=2, two of a key's three owners are cut off", function () {
  this.timeout(180_000);
  const cluster = new FaultCluster({ members: 5, spares: 0 });
  const earlier = Array.from({ length: 100 }, (_, i) => `earlier-${i}`);
  const keys = ["ada", ...Array.from({ length: 400 }, (_, i) => `key-${i}`)];
  let lost: FaultNode[];
  let rest: FaultNode[];
  let client: DynamoClient;

  before(async () => {
    await cluster.form();
    lost = (await cluster.ownersOf(BUCKET, "ada")).slice(0, 2);
    rest = cluster.nodes.filter((node) => !lost.includes(node));
    client = clientOf(rest);
    for (const key of [...earlier, "ada"]) await client.putBlind(BUCKET, key, `the cart ${key}`);
    await cluster.network.cut(between(hostsOf(lost), hostsOf(rest)), "drop");
  });
  after(() => cluster.remove());
  after(() => client.close());

  it(`takes every put within ${PUT_MS_MAX} ms, the first ones included`, async () => {
    const slow: string[] = [];
    for (const key of keys) {
      const startedMs = performance.now();
      await client.putBlind(BUCKET, key, `the cart ${key} again`);
      const tookMs = Math.round(performance.now() - startedMs);
      if (tookMs > PUT_MS_MAX) slow.push(`${key}: ${tookMs} ms`);
    }
    expect(slow).to.deep.equal([]);
  });

  it("finds every key that was written before", async () => {
    for (const key of earlier) expect((await client.get(BUCKET, key)).exists, key).to.equal(true);
  });

  it("keeps hints for both of them", async () => {
    const pending = await cluster.hintsPending(rest);
    for (const node of lost) expect(pending[cluster.idOf(node)], `node ${node.index}`).to.be.greaterThan(0);
  });

  it("hands them over when it heals: both hold the record, and no stand-in does, without a read", async () => {
    await cluster.network.heal();
    await convergedAfter(cluster, CONVERGE_MS_MAX);
    for (const key of keys) {
      const owners = await cluster.ownersOf(BUCKET, key);
      for (const node of cluster.nodes) {
        const copy = await cluster.replica(node, BUCKET, key);
        const expected = owners.includes(node) ? "own" : "none";
        const found = copy === undefined || copy === "rotten" ? (copy ?? "none") : copy.keptFor.join(", ");
        expect(found || "own", `${key} at node ${node.index}`).to.equal(expected);
      }
    }
  });
});

describe("cluster: whole netsplit 2|3: N=3 W=2 R=2", function () {
  this.timeout(180_000);
  const cluster = new FaultCluster({ members: 5, spares: 0 });
  const keys = Array.from({ length: 60 }, (_, i) => `key-${i}`);

  before(() => cluster.form());
  after(() => cluster.remove());

  it("both sides take writes of the same keys, and all of them are siblings when it has healed", async () => {
    const [two, three] = [cluster.nodes.slice(0, 2), cluster.nodes.slice(2)];
    await cluster.network.cut(between(hostsOf(two), hostsOf(three)), "drop");
    const sides = [
      { name: "two", client: clientOf(two) },
      { name: "three", client: clientOf(three) },
    ];
    try {
      for (const { name, client } of sides) {
        for (const key of keys) await client.putBlind(BUCKET, key, `${key} of ${name}`);
        for (const key of keys) {
          expect((await client.get(BUCKET, key)).text(), `${key} at ${name}`).to.equal(`${key} of ${name}`);
        }
      }
      await cluster.network.heal();
      await convergedAfter(cluster, CONVERGE_MS_MAX);
      for (const { name, client } of sides) {
        for (const key of keys) {
          const { siblings } = await client.get(BUCKET, key);
          const texts = siblings.map(({ value }) => Buffer.from(value).toString()).toSorted();
          expect(texts, `read at ${name}`).to.deep.equal([`${key} of three`, `${key} of two`]);
        }
      }
    } finally {
      for (const { client } of sides) client.close();
    }
  });
});
