import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { expect } from "chai";
import { DynamoClient } from "../../client/dynamo-client.ts";
import { jsonOf } from "../../client/value.ts";
import type { LocalNode } from "../../client/local/local-layout.ts";
import { expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

interface Spoken {
  readonly status: number;
  readonly context: string | null;
  readonly body: string;
}

async function ask(
  node: LocalNode,
  key: string,
  init: { method?: string; body?: string; context?: string } = {},
): Promise<Spoken> {
  const { method = "GET", body, context } = init;
  const answer = await fetch(`http://${node.client}/v1/kv/demo/${key}`, {
    method,
    ...(body === undefined ? {} : { body }),
    headers: {
      "Content-Type": "text/plain",
      ...(context === undefined ? {} : { "X-Dynamo-Context": context }),
    },
  });
  return {
    status: answer.status,
    context: answer.headers.get("x-dynamo-context"),
    body: await answer.text(),
  };
}

function pidOf(node: LocalNode): number {
  return Number(readFileSync(node.pidFile, "utf8"));
}

/** An ended process may stay as a zombie, without a command line, until init collects it. */
function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return true;
  }
  return process.platform === "linux" && readFileSync(`/proc/${pid}/cmdline`, "utf8") === "";
}

describe("local cluster of three nodes", function () {
  this.timeout(120_000);
  const rig = new LocalClusterRig();
  const nodes = rig.nodes(3);
  const [first, second, third] = nodes as [LocalNode, LocalNode, LocalNode];

  before(async () => {
    const up = expectCode(await rig.up("--nodes", "3"), 0);
    for (const node of nodes) expect(up.out).to.include(`http://${node.client}`).and.include(node.peer);
    expect(up.out).to.match(/Try:\n {2}curl .*\n {2}curl .*\n {2}npx dynamokv get /);
  });
  after(() => rig.remove());

  it("keeps everything of node i under node-i, and the secret for its owner only", () => {
    const secret = path.join(rig.directory, "cluster-secret");
    expect(statSync(secret).mode & 0o777).to.equal(0o600);
    expect(readFileSync(secret, "utf8")).to.match(/^\d{1,3} [A-Za-z0-9+/]{43}=\n$/);
    for (const node of nodes) {
      expect(existsSync(path.join(rig.directory, `node-${node.index}`, "data"))).to.equal(true);
      expect(pidOf(node)).to.be.greaterThan(1);
      expect(existsSync(node.logFile)).to.equal(true);
    }
  });

  it("a value put at any node is got at every node", async () => {
    for (const node of nodes) {
      const put = await ask(node, `key-${node.index}`, { method: "PUT", body: `value-${node.index}` });
      expect([put.status, put.context !== null]).to.deep.equal([204, true]);
      for (const other of nodes) {
        const got = await ask(other, `key-${node.index}`);
        expect([got.status, got.body]).to.deep.equal([200, `value-${node.index}`]);
      }
    }
  });

  it("two puts without a context are siblings with one context, which a third put resolves", async () => {
    await ask(first, "conflict", { method: "PUT", body: "red" });
    await ask(second, "conflict", { method: "PUT", body: "blue" });
    const several = await ask(third, "conflict");
    expect(several.status).to.equal(300);
    const { siblings } = JSON.parse(several.body) as { siblings: { value: string; contentType: string }[] };
    const values = siblings.map(({ value }) => Buffer.from(value, "base64").toString()).sort();
    expect(values).to.deep.equal(["blue", "red"]);
    const resolve = { method: "PUT", body: "purple", context: several.context! };
    expect((await ask(first, "conflict", resolve)).status).to.equal(204);
    for (const node of nodes) {
      const settled = await ask(node, "conflict");
      expect([settled.status, settled.body]).to.deep.equal([200, "purple"]);
    }
  });

  it("a deleted key answers 404 with a context, at every node", async () => {
    await ask(first, "doomed", { method: "PUT", body: "x" });
    expect((await ask(second, "doomed", { method: "DELETE" })).status).to.equal(204);
    for (const node of nodes) {
      const got = await ask(node, "doomed");
      expect([got.status, got.context !== null]).to.deep.equal([404, true]);
    }
  });

  it("the routing table leads a client to the owners' client ports", async () => {
    const client = new DynamoClient({ endpoints: [`http://${first.client}`], routing: true });
    try {
      const table = await client.ring();
      expect(table.members.map(({ address }) => address).sort()).to.deep.equal(
        nodes.map((node) => node.client).sort(),
      );
      for (let i = 0; i < 20; i++) {
        await client.putBlind("demo", `routed-${i}`, "x");
        expect((await client.get("demo", `routed-${i}`)).text()).to.equal("x");
      }
    } finally {
      client.close();
    }
  });

  it("starting again changes nothing while all run", async () => {
    const before = nodes.map(pidOf);
    const again = expectCode(await rig.up(), 0);
    expect(again.err).to.match(/running already/);
    expect(nodes.map(pidOf)).to.deep.equal(before);
  });

  it("with one node killed, the client goes on without an error; starting again restarts only that one", async () => {
    const client = new DynamoClient({ endpoints: nodes.map((node) => `http://${node.client}`) });
    try {
      const keys = Array.from({ length: 60 }, (_, i) => `k-${i}`);
      const work = keys.map(async (key, i) => {
        await new Promise((resolve) => setTimeout(resolve, i * 20));
        await client.putBlind("demo", key, { i });
        const entry = await client.update("demo", key, (current) => ({
          ...(jsonOf(current!) as object),
          seen: true,
        }));
        expect(entry.json()).to.deep.equal({ i, seen: true });
      });
      await new Promise((resolve) => setTimeout(resolve, 200));
      process.kill(pidOf(third), "SIGKILL");
      await Promise.all(work);
      for (const key of keys) expect((await client.get("demo", key)).json()).to.have.property("seen", true);
    } finally {
      client.close();
    }
    const alive = [first, second].map(pidOf);
    const again = expectCode(await rig.up(), 0);
    expect(again.err)
      .to.match(/starting node 3/)
      .and.not.match(/starting node [12]/);
    expect([first, second].map(pidOf)).to.deep.equal(alive);
    expect((await ask(third, "k-0")).status).to.equal(200);
  });

  it("down stops all, a stale pid file misleads nobody, and a later up finds the data", async () => {
    const pids = nodes.map(pidOf);
    expectCode(await rig.local("down"), 0);
    for (const pid of pids) expect(hasEnded(pid)).to.equal(true);
    expectCode(await rig.local("status"), 1);
    writeFileSync(first.pidFile, `${process.pid}\n`);
    expectCode(await rig.local("down"), 0);
    expectCode(await rig.up(), 0);
    expectCode(await rig.local("status"), 0);
    for (const node of nodes) expect((await ask(node, "key-1")).body).to.equal("value-1");
    expect((await ask(first, "doomed")).status).to.equal(404);
  });

  it("two starts at the same time wait for one another and lose no process", async () => {
    expectCode(await rig.local("down"), 0);
    const runs = await Promise.all([rig.up(), rig.up()]);
    for (const run of runs) expectCode(run, 0);
    const pids = nodes.map(pidOf);
    expectCode(await rig.local("down"), 0);
    for (const pid of pids) expect(hasEnded(pid)).to.equal(true);
    expectCode(await rig.up(), 0);
  });

  it("wipe deletes all of it", async () => {
    expectCode(await rig.local("wipe"), 0);
    expect(existsSync(rig.directory)).to.equal(false);
    expectCode(await rig.local("down"), 0);
  });
});

describe("local cluster of other sizes", function () {
  this.timeout(120_000);

  for (const count of [1, 5, 9]) {
    it(`serves with ${count}`, async () => {
      const rig = new LocalClusterRig();
      try {
        expectCode(await rig.up("--nodes", String(count)), 0);
        const nodes = rig.nodes(count);
        for (const node of nodes) {
          expect((await ask(node, `at-${node.index}`, { method: "PUT", body: "here" })).status).to.equal(204);
        }
        const last = nodes.at(-1)!;
        for (const node of nodes) expect((await ask(last, `at-${node.index}`)).body).to.equal("here");
      } finally {
        await rig.remove();
      }
    });
  }

  it("a port that somebody else has is named, and nothing is started", async () => {
    const rig = new LocalClusterRig();
    const [, second] = rig.nodes(3);
    const [host, port] = second!.admin.split(":");
    const squatter = net.createServer();
    await new Promise<void>((resolve) => squatter.listen({ host, port: Number(port) }, resolve));
    try {
      const run = expectCode(await rig.up("--nodes", "3"), 1);
      expect(run.err).to.include(`${second!.admin} (node 2, admin)`);
      expect(existsSync(path.join(rig.directory, "node-1"))).to.equal(false);
    } finally {
      squatter.close();
      await rig.remove();
    }
  });
});
