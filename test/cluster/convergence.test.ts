import { expect } from "chai";
import { DynamoClient } from "../../client/dynamo-client.ts";
import { comparedCopies, convergedAfter } from "./faults/convergence.ts";
import { FaultCluster } from "./faults/fault-cluster.ts";
import type { FaultNode } from "./faults/fault-node.ts";
import { deleteDatabases } from "./faults/node-disks.ts";

/**
 * Three nodes, N=3: there is no stand-in for anybody. What one of them missed or lost comes back to it without a read,
 * because others remember what it missed, and because replicas compare their Merkle trees.
 */
const BUCKET = "convergence";
const KEYS = 1_000;
const MISSED_MS_MAX = 30_000;
const LOST_MS_MAX = 60_000;
const PARALLEL = 16;

describe("cluster: convergence without reads: three nodes, N=3 W=2", function () {
  this.timeout(180_000);
  const cluster = new FaultCluster({ members: 3, spares: 0 });
  const [first, second, third] = cluster.nodes as [FaultNode, FaultNode, FaultNode];
  const keys = Array.from({ length: KEYS }, (_, i) => `key-${i}`);
  let client: DynamoClient;

  before(async () => {
    await cluster.form();
    client = new DynamoClient({ endpoints: [first, second].map((node) => `http://${node.client}`) });
  });
  after(() => cluster.remove());
  after(() => client.close());

  async function inParallel(work: (key: string) => Promise<unknown>): Promise<void> {
    const open = [...keys];
    const worker = async (): Promise<void> => {
      for (let key = open.pop(); key !== undefined; key = open.pop()) await work(key);
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  it(`${KEYS} keys written while a node was dead are at all three within 30 s of its start`, async () => {
    await third.end("SIGKILL");
    await inParallel((key) => client.putBlind(BUCKET, key, `the value of ${key}`));
    await third.start();
    await convergedAfter(cluster, MISSED_MS_MAX);
    expect(await comparedCopies(cluster, BUCKET, keys)).to.deep.equal({ differing: [], rotten: [] });
  });

  it("a node whose databases were deleted has all of them again, and nothing was lost", async () => {
    await third.end("SIGKILL");
    deleteDatabases(third);
    await third.start();
    await convergedAfter(cluster, LOST_MS_MAX);
    expect(await comparedCopies(cluster, BUCKET, keys)).to.deep.equal({ differing: [], rotten: [] });
    await inParallel(async (key) => {
      const entry = await client.get(BUCKET, key, { r: 3, pr: 3 });
      expect(entry.text()).to.equal(`the value of ${key}`);
    });
  });
});
