import { expect } from "chai";
import { type CommandRun, dynamokv, expectCode, LocalClusterRig } from "./local-cluster-rig.ts";

describe("dynamokv on a real cluster", function () {
  this.timeout(120_000);
  const rig = new LocalClusterRig();
  const run = (...args: string[]): Promise<CommandRun> => rig.command(3, args);

  before(async () => {
    expectCode(await rig.up("--nodes", "3"), 0);
  });
  after(() => rig.remove());

  it("puts and gets through each node", async () => {
    for (const node of rig.nodes(3)) {
      const at = ["--endpoint", `http://${node.client}`];
      expectCode(await dynamokv(["put", "carts", `c-${node.index}`, '["book"]', ...at]), 0);
    }
    for (const node of rig.nodes(3)) {
      const got = await dynamokv(["get", "carts", `c-${node.index}`, "--endpoint", `http://${node.client}`]);
      expect(got).to.deep.equal({ code: 0, out: '["book"]', err: "" });
    }
  });

  it("shows a conflict, and settles it", async () => {
    expectCode(await run("put", "carts", "bob", "pen"), 0);
    expectCode(await run("put", "carts", "bob", "ink"), 0);
    const conflict = expectCode(await run("get", "carts", "bob"), 4);
    expect(conflict.err).to.include('"pen"').and.include('"ink"').and.include("--resolve");
    const { siblings, context } = JSON.parse((await run("get", "carts", "bob", "-o", "json")).out) as {
      siblings: { text: string }[];
      context: string;
    };
    expect(siblings.map(({ text }) => text).sort()).to.deep.equal(["ink", "pen"]);
    expectCode(await run("put", "carts", "bob", "pen and ink", "--context", context), 0);
    expect((await run("get", "carts", "bob")).out).to.equal("pen and ink");
  });

  it("stores bytes from stdin unchanged, also under keys that look like paths", async () => {
    const value = "line 1\nline 2 \u0000 ü\n";
    for (const key of ["..", "a/b?c#d%", "schlüssel"]) {
      expectCode(await rig.command(3, ["put", "blobs", key], { stdin: value }), 0);
      expect((await run("get", "blobs", key)).out, key).to.equal(value);
    }
  });

  it("a deleted key is code 3 and keeps its context", async () => {
    expectCode(await run("put", "carts", "gone", "x"), 0);
    expectCode(await run("delete", "carts", "gone"), 0);
    expect(expectCode(await run("get", "carts", "gone"), 3).err).to.match(/it was deleted/);
    expectCode(await run("delete", "carts", "never-there"), 0);
  });

  it("a wrong context is refused with its reason and code 1", async () => {
    expect(
      expectCode(await run("put", "carts", "bob", "x", "--context", "bm90LWEtY29udGV4dA"), 1).err,
    ).to.match(/invalid_context|context_mismatch/);
  });

  it("locate, ring, members and status agree on the nodes", async () => {
    const list = JSON.parse(expectCode(await run("locate", "carts", "bob", "-o", "json"), 0).out) as {
      owners: { id: string; address: string }[];
    };
    const ring = JSON.parse(expectCode(await run("ring", "-o", "json"), 0).out) as {
      members: { id: string }[];
    };
    const { members } = JSON.parse(expectCode(await run("members", "-o", "json"), 0).out) as {
      members: { id: string; reachable: boolean }[];
    };
    const { nodes } = JSON.parse(expectCode(await run("status", "-o", "json"), 0).out) as {
      nodes: { status: { node: { id: string }; state: string } }[];
    };
    const ids = ring.members.map(({ id }) => id);
    expect(new Set(list.owners.map(({ id }) => id))).to.deep.equal(new Set(ids));
    expect(list.owners.map(({ address }) => address).sort()).to.deep.equal(
      rig
        .nodes(3)
        .map(({ peer }) => peer)
        .sort(),
    );
    expect(members.map(({ id, reachable }) => [id, reachable])).to.deep.equal(ids.map((id) => [id, true]));
    expect(new Set(nodes.map(({ status }) => status.node.id))).to.deep.equal(new Set(ids));
    expect(nodes.every(({ status }) => status.state === "serving")).to.equal(true);
    for (const command of [["locate", "carts", "bob"], ["ring"], ["members"], ["status"]]) {
      const { out } = expectCode(await run(...command), 0);
      for (const id of ids) expect(out, command.join(" ")).to.include(id);
    }
  });

  it("forming the ring that is there answers the same; another one is refused", async () => {
    const { clusterId } = JSON.parse((await run("ring", "-o", "json")).out) as { clusterId: string };
    expectCode(await run("ring", "form", "--cluster-id", clusterId), 0);
    expect(expectCode(await run("ring", "form", "--cluster-id", "other"), 1).err).to.match(/ring_exists/);
    const [first] = rig.nodes(1);
    const wrong = ["ring", "form", "--cluster-id", clusterId, "--admin", `http://${first!.admin}`];
    expectCode(await dynamokv([...wrong, "--secret-file", "/dev/null"]), 2);
  });

  it("the node's help lists every flag with its variable", async () => {
    const { out } = expectCode(await dynamokv(["node", "--help"]), 0);
    for (const name of ["--data-dir", "DYNAMO_DATA_DIR", "--seeds", "DYNAMO_CLUSTER_SECRET_FILE"]) {
      expect(out).to.include(name);
    }
  });
});
