import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import { DynamoClient } from "../../client/dynamo-client.ts";
import type {
  AdminMembers,
  AdminPartitions,
  AdminRing,
  AdminStatus,
} from "../../node/contract/admin-types.ts";
import type { RingPlan } from "../../node/contract/ring-change-types.ts";
import { adminAnswer } from "./admin-answer.ts";
import { type CommandRun, expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

/** For a machine that is busy with other tests too. */
const REQUEST_MS_MAX = 30_000;

/** Writes one key after the other, and remembers what was acknowledged; no request may fail. */
class SteadyWrites {
  readonly acknowledged: string[] = [];
  readonly failures: string[] = [];
  readonly #client: DynamoClient;
  readonly #name: string;
  readonly #ended = new AbortController();
  readonly #done: Promise<void>;

  constructor(client: DynamoClient, name: string) {
    this.#client = client;
    this.#name = name;
    this.#done = this.#write();
  }

  /** Writes on until that is over, whatever comes of it. */
  async during<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } finally {
      this.#ended.abort();
      await this.#done;
    }
  }

  async #write(): Promise<void> {
    for (let i = 0; !this.#ended.signal.aborted; i++) {
      const key = `${this.#name}-${i}`;
      try {
        await this.#client.putBlind("demo", key, `value of ${key}`);
        this.acknowledged.push(key);
        const read = this.acknowledged[Math.floor(i / 2)]!;
        if ((await this.#client.get("demo", read)).text() !== `value of ${read}`)
          this.failures.push(`${read}: another value`);
      } catch (error) {
        this.failures.push(`${key}: ${String(error)}`);
      }
    }
  }
}

describe("a local cluster of three that grows and shrinks", function () {
  this.timeout(300_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(5);
  const run = (...args: string[]): Promise<CommandRun> => rig.command(3, args);
  let client: DynamoClient;

  before(async () => {
    expectCode(await rig.up("--nodes", "3"), 0);
    const endpoints = nodes.slice(0, 3).map((node) => `http://${node.client}`);
    client = new DynamoClient({ endpoints, timeoutMs: REQUEST_MS_MAX });
    for (let i = 0; i < 300; i++) await client.putBlind("demo", `old-${i}`, "x".repeat(1_000));
  });
  after(async () => {
    client.close();
    await rig.remove();
  });

  async function expectAll(keys: readonly string[]): Promise<void> {
    for (const key of keys) expect((await client.get("demo", key)).text(), key).to.equal(`value of ${key}`);
    for (let i = 0; i < 300; i++)
      expect((await client.get("demo", `old-${i}`)).text()).to.equal("x".repeat(1_000));
  }

  it("make up NODES=5 joins two new nodes under load: nothing fails, each has an even share", async () => {
    const writes = new SteadyWrites(client, "growing");
    const up = expectCode(await writes.during(rig.up("--nodes", "5")), 0);
    expect(up.err).to.include("starting node 4").and.include("2 new nodes join the ring");
    expect(writes.failures).to.deep.equal([]);
    expect(writes.acknowledged.length).to.be.greaterThan(20);
    const ring = await adminAnswer<AdminRing>(nodes[0]!, "ring");
    expect(ring.members.map(({ state }) => state)).to.deep.equal(Array.from({ length: 5 }, () => "active"));
    expect(ring.change).to.equal(null);
    const counts = ring.members.map((_, i) => ring.owners.filter((owner) => owner === i).length);
    expect(Math.max(...counts) - Math.min(...counts)).to.be.at.most(1);
    const { state, storage } = await adminAnswer<AdminStatus>(nodes[4]!, "status");
    expect(state).to.equal("serving");
    expect(storage.keys).to.be.greaterThan(50);
    await expectAll(writes.acknowledged);
    expect(expectCode(await rig.up(), 0).err).to.include("running already");
  });

  it("ring plan shows what a leave would move, and changes nothing", async () => {
    const { epoch } = await adminAnswer<AdminRing>(nodes[0]!, "ring");
    const text = expectCode(await run("ring", "plan", "leave", nodes[4]!.client), 0);
    expect(text.out)
      .to.match(new RegExp(`${nodes[4]!.client} .* leaves `))
      .and.to.match(/Moves \d+ copies/);
    const json = expectCode(await run("ring", "plan", "leave", nodes[4]!.client, "--output", "json"), 0);
    const plan = JSON.parse(json.out) as RingPlan;
    expect(plan.bytesMoved).to.be.greaterThan(10_000);
    expect(plan.transfers.length).to.be.at.most(1.1 * plan.copiesMovedMin);
    expect((await adminAnswer<AdminRing>(nodes[0]!, "ring")).epoch).to.equal(epoch);
  });

  it("ring leave moves everything away under load, and the node that left serves no client", async () => {
    const writes = new SteadyWrites(client, "leaving");
    const left = expectCode(await writes.during(run("ring", "leave", nodes[4]!.client, "--yes")), 0);
    expect(left.out).to.match(/change leave-[0-9a-f]+ is done/);
    expect(writes.failures).to.deep.equal([]);
    // The last epoch reaches it with the next gossip.
    while ((await adminAnswer<AdminStatus>(nodes[4]!, "status")).state !== "left") await delay(50);
    expect((await fetch(`http://${nodes[4]!.client}/v1/kv/demo/old-1`)).status).to.equal(503);
    const { members } = await adminAnswer<AdminMembers>(nodes[0]!, "members");
    expect(members.filter(({ state }) => state === "active")).to.have.length(4);
    await expectAll(writes.acknowledged);
  });

  it("make up NODES=3 lets the rest leave, waits until they keep nothing, and deletes their files", async () => {
    const writes = new SteadyWrites(client, "shrinking");
    expectCode(await writes.during(rig.up("--nodes", "3")), 0);
    expect(writes.failures).to.deep.equal([]);
    for (const node of nodes.slice(3)) expect(existsSync(node.directory)).to.equal(false);
    expect((await adminAnswer<AdminRing>(nodes[0]!, "ring")).members).to.have.length(3);
    for (let index = 0; index < 3; index++) {
      const { partitions } = await adminAnswer<AdminPartitions>(nodes[index]!, "partitions");
      expect(partitions.filter(({ role }) => role === "misplaced")).to.deep.equal([]);
    }
    await expectAll(writes.acknowledged);
    expectCode(await rig.local("status"), 0);
  });

  it("a size with fewer nodes than copies is refused, and says what to do", async () => {
    const refused = await rig.up("--nodes", "2");
    expect(refused.code).to.equal(1);
    expect(refused.err).to.include("too_few_members");
    expect((await adminAnswer<AdminRing>(nodes[0]!, "ring")).members).to.have.length(3);
  });
});
