import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect } from "chai";
import { adminToken } from "../../../../node/contract/admin-token.ts";
import type { AdminMember } from "../../../../node/contract/admin-types.ts";
import {
  errorAnswer,
  noValue,
  oneValue,
  ScriptedServer,
  severalValues,
  written,
  type Script,
} from "../scripted-server.ts";
import { cli } from "./run-cli.ts";

describe("dynamokv", () => {
  const servers: ScriptedServer[] = [];
  let scratch = "";

  beforeEach(() => (scratch = mkdtempSync(path.join(os.tmpdir(), "dynamokv-cli-"))));
  afterEach(async () => {
    rmSync(scratch, { recursive: true });
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  async function serve(script: Script): Promise<ScriptedServer> {
    const server = await ScriptedServer.start(script);
    servers.push(server);
    return server;
  }

  describe("usage", () => {
    it("the help names every command, the exit codes and examples", async () => {
      const { code, out } = await cli(["--help"]);
      expect(code).to.equal(0);
      const commands = [
        "put",
        "get",
        "delete",
        "locate",
        "status",
        "members",
        "ring",
        "repair",
        "node",
        "local",
      ];
      for (const command of commands) expect(out).to.match(new RegExp(`^  ${command} `, "m"));
      expect(out).to.include("Exit codes:").and.include("Examples:").and.include("DYNAMO_ENDPOINTS");
    });

    it("every command has help of its own, with the options that all share", async () => {
      for (const command of ["put", "get", "delete", "locate", "status", "members"]) {
        const { code, out } = await cli([command, "--help"]);
        expect([code, out.includes("--endpoint <url,...>")], command).to.deep.equal([0, true]);
      }
    });

    it("wrong usage is code 2, on stderr, and sends nothing", async () => {
      const server = await serve(() => written);
      const to = ["--endpoint", server.endpoint];
      for (const args of [
        ["bogus"],
        ["get", "only-bucket"],
        ["get", "b", "k", "--r", "9"],
        ["get", "b", "k", "--output", "xml"],
        ["put", "b", "k"],
        ["put", "b", "k", "v", "--file", "f"],
        ["put", "b", "k", "v", "--context", "c", "--resolve"],
        ["put", "b", "", "v"],
        ["get", "b", "k", "--timeout-ms", "0"],
        ["get", "b", "k", "--endpoint", "http://"],
      ]) {
        const { code, out, err } = await cli([...args, ...to]);
        expect([code, out], args.join(" ")).to.deep.equal([2, ""]);
        expect(err, args.join(" ")).to.match(/\S/);
      }
      expect(server.seen).to.have.length(0);
    });
  });

  describe("get", () => {
    it("writes the value and nothing else", async () => {
      const server = await serve(() => oneValue('{"a":1}'));
      const run = await cli(["get", "b", "k", "--endpoint", server.endpoint]);
      expect(run).to.deep.equal({ code: 0, out: '{"a":1}', err: "" });
    });

    it("a missing key is code 3; as JSON it still has its context", async () => {
      const server = await serve(() => noValue("of-tombstone"));
      const text = await cli(["get", "b", "k", "--endpoint", server.endpoint]);
      expect([text.code, text.out]).to.deep.equal([3, ""]);
      expect(text.err).to.match(/no such key \(it was deleted\)/);
      const json = await cli(["get", "b", "k", "--endpoint", server.endpoint, "--output", "json"]);
      expect(json.code).to.equal(3);
      expect(JSON.parse(json.out)).to.deep.equal({
        siblings: [],
        context: "of-tombstone",
        owners: { answered: 3, total: 3 },
      });
    });

    it("several values are code 4 and never stdout; the message says how to settle them", async () => {
      const server = await serve(() => severalValues('["a"]', '["b"]'));
      const run = await cli(["get", "b", "it's", "--endpoint", server.endpoint]);
      expect([run.code, run.out]).to.deep.equal([4, ""]);
      expect(run.err)
        .to.include("[2]")
        .and.include(String.raw`put b 'it'\''s' MERGED-VALUE --resolve`);
      const one = await cli(["get", "b", "k", "--sibling", "2", "--endpoint", server.endpoint]);
      expect(one).to.deep.equal({ code: 0, out: '["b"]', err: "" });
      expect((await cli(["get", "b", "k", "--sibling", "3", "--endpoint", server.endpoint])).code).to.equal(
        2,
      );
    });

    it("as JSON gives all siblings and the context, code 0", async () => {
      const server = await serve(() => severalValues('["a"]', '["b"]'));
      const run = await cli(["get", "b", "k", "-o", "json", "--endpoint", server.endpoint]);
      expect(run.code).to.equal(0);
      const body = JSON.parse(run.out) as { siblings: { value: string; json: unknown }[]; context: string };
      expect(body.context).to.equal("of-all");
      expect(body.siblings.map((sibling) => sibling.json)).to.deep.equal([["a"], ["b"]]);
      expect(Buffer.from(body.siblings[0]!.value, "base64").toString()).to.equal('["a"]');
    });
  });

  describe("put and delete", () => {
    it("takes the value from the argument, a file or stdin", async () => {
      const server = await serve(() => written);
      const file = path.join(scratch, "value");
      writeFileSync(file, "from file");
      const to = ["--endpoint", server.endpoint];
      expect((await cli(["put", "b", "k", "from argument", ...to])).out).to.equal(
        "stored\ncontext: after-write\n",
      );
      await cli(["put", "b", "k", "--file", file, "--content-type", "text/css", ...to]);
      await cli(["put", "b", "k", ...to], { stdin: "from stdin" });
      expect(server.seen.map((request) => request.body.toString())).to.deep.equal([
        "from argument",
        "from file",
        "from stdin",
      ]);
      expect(server.seen.map((request) => request.headers["content-type"])).to.deep.equal([
        "text/plain; charset=utf-8",
        "text/css",
        "application/octet-stream",
      ]);
    });

    it("--context sends it, --resolve reads one first", async () => {
      const server = await serve((request) =>
        request.method === "GET" ? severalValues('["a"]', '["b"]') : written,
      );
      const to = ["--endpoint", server.endpoint, "--output", "json"];
      const run = await cli(["put", "b", "k", "v", "--context", "mine", ...to]);
      expect(JSON.parse(run.out)).to.deep.equal({ context: "after-write" });
      await cli(["put", "b", "k", "v", "--resolve", ...to]);
      await cli(["delete", "b", "k", "--context", "mine", ...to]);
      const contexts = server.seen.map((request) => [request.method, request.headers["x-dynamo-context"]]);
      expect(contexts).to.deep.equal([
        ["PUT", "mine"],
        ["GET", undefined],
        ["PUT", "of-all"],
        ["DELETE", "mine"],
      ]);
    });

    it("a write that may have been applied is code 5; one that was refused is code 1", async () => {
      const maybe = await serve(() => errorAnswer(503, { code: "quorum_unreachable", maybeApplied: true }));
      const to = (server: ScriptedServer): string[] => [
        "--endpoint",
        server.endpoint,
        "--timeout-ms",
        "5000",
      ];
      const run = await cli(["put", "b", "k", "v", "-o", "json", ...to(maybe)]);
      expect(run.code).to.equal(5);
      const { error } = JSON.parse(run.err) as { error: Record<string, unknown> };
      expect(error).to.include({ code: "quorum_unreachable", maybeApplied: true, status: 503 });
      const refused = await serve(() => errorAnswer(400, { code: "invalid_context" }));
      const text = await cli(["put", "b", "k", "v", ...to(refused)]);
      expect(text.code).to.equal(1);
      expect(text.err).to.match(/said invalid_context[^]*code invalid_context, request r-1/);
    });
  });

  describe("admin", () => {
    const id = "00000000-0000-4000-8000-000000000001";
    const status = {
      node: { id, address: "127.0.0.1:7081", zone: "", version: "0.1.0", clientAddress: "127.0.0.1:8081" },
      state: "serving",
      stateReason: "",
      clusterId: "c",
      ring: { epoch: 1, hash: "abcdef0123" },
      hints: { pending: {}, markers: 0, bytes: 0, bytesMax: 1_000 },
      peers: { up: 2, slow: 0, down: 0 },
      antiEntropy: { lastExchange: {} },
      storage: { keys: 12, bytes: 81_920, volumeFreeBytes: 1_073_741_824 },
      recovery: { recovering: false, partitionsLeft: 0 },
      uptimeSeconds: 3,
    };
    const other = "00000000-0000-4000-8000-000000000002";
    const member = (memberId: string, change: Partial<AdminMember>): AdminMember => ({
      id: memberId,
      address: `127.0.0.1:708${memberId.at(-1)}`,
      clientAddress: `127.0.0.1:808${memberId.at(-1)}`,
      zone: "a",
      version: "0.1.0",
      state: "active",
      reachable: true,
      self: false,
      believed: "up",
      reason: "heard",
      downSince: null,
      incarnation: 1,
      condition: "serving",
      suspectedBy: [],
      ...change,
    });
    const json = (body: unknown): { status: number; body: string } => ({
      status: 200,
      body: JSON.stringify(body),
    });

    it("status asks every admin port and fails while one is missing", async () => {
      const members = { members: [] };
      const up = await serve(({ target }) => json(target.endsWith("members") ? members : status));
      const gone = await ScriptedServer.start(() => written);
      await gone.stop();
      const whole = await cli(["status", "--admin", `${up.endpoint},${up.endpoint}`]);
      expect(whole.code).to.equal(0);
      expect(whole.out).to.include("serving").and.include("1 abcdef01");
      expect(whole.out, "a node of before counts no tombstones").to.match(/serving .* 0 +0 +- +3 s/);
      const broken = await cli(["status", "--admin", `${up.endpoint},${gone.endpoint}`, "-o", "json"]);
      expect(broken.code).to.equal(1);
      const { nodes } = JSON.parse(broken.out) as { nodes: Record<string, unknown>[] };
      expect(nodes[0]).to.deep.equal({ endpoint: up.endpoint, status });
      expect(nodes[1]?.["error"]).to.match(/cannot connect/);
    });

    it("status names who waits for hints, why a node is read-only, and how the last repairs went", async () => {
      const troubled = {
        ...status,
        state: "read_only",
        stateReason: "5 bytes are free in /data",
        hints: { ...status.hints, pending: { [other]: 12 }, markers: 3 },
        tombstones: { count: 40, inDoubt: true },
        peers: { up: 1, slow: 1, down: 1 },
        antiEntropy: {
          lastExchange: {
            [other]: {
              agoMs: 61_000,
              outcome: "failed",
              reason: "no answer",
              recordsMoved: 4,
              equalAgoMs: null,
            },
          },
        },
      };
      const members = { members: [member(id, { self: true }), member(other, { believed: "down" })] };
      const server = await serve(({ target }) => json(target.endsWith("members") ? members : troubled));
      const run = await cli(["status", "--admin", server.endpoint]);
      expect(run.code).to.equal(1);
      expect(run.out).to.match(/read_only +1 abcdef01 +1 up, 1 SLOW, 1 DOWN +12 +3 +about 40 +3 s/);
      expect(run.out).to.include("127.0.0.1:8081 is read_only: 5 bytes are free in /data");
      expect(run.out).to.match(/127\.0\.0\.1:8081 +127\.0\.0\.1:8082 +12\n/);
      expect(run.out).to.match(/127\.0\.0\.1:8082 +1 min +FAILED +4 +not since start +no answer/);
      expect(run.out).to.include("Last comparison that each node began, or that found it equal:");
    });

    it("members says what one node believes, why, since when, and who else suspects whom", async () => {
      const downSince = new Date(Date.now() - 90_000).toISOString();
      const down = member(other, { believed: "down", reason: "silent", downSince, suspectedBy: [id] });
      const server = await serve(() => json({ members: [member(id, { self: true }), down] }));
      const run = await cli(["members", "--admin", server.endpoint]);
      expect(run.code).to.equal(0);
      expect(run.out).to.match(/127\.0\.0\.1:8081 .* self +serving +- /);
      expect(run.out).to.match(/127\.0\.0\.1:8082 .* DOWN \(silent\) 2 min +- +127\.0\.0\.1:8081 /);
    });

    it("members --all shows who believes whom down, and which node did not answer", async () => {
      const first = await serve(() =>
        json({ members: [member(id, { self: true }), member(other, { believed: "down" })] }),
      );
      const second = await serve(() => json({ members: [member(id, {}), member(other, { self: true })] }));
      const gone = await ScriptedServer.start(() => written);
      await gone.stop();
      const admins = [first, second, gone].map(({ endpoint }) => endpoint).join(",");
      const run = await cli(["members", "--all", "--admin", admins]);
      expect(run.code).to.equal(1);
      expect(run.out).to.match(/self +DOWN +127\.0\.0\.1:8081 says serving/);
      expect(run.out).to.match(/up +self +127\.0\.0\.1:8082 says serving/);
      expect(run.out).to.match(/\? +\? +.*cannot connect/);
      const asJson = await cli(["members", "--all", "--admin", first.endpoint, "-o", "json"]);
      const { nodes } = JSON.parse(asJson.out) as { nodes: { endpoint: string; members: unknown[] }[] };
      expect([asJson.code, nodes[0]!.endpoint, nodes[0]!.members.length]).to.deep.equal([
        0,
        first.endpoint,
        2,
      ]);
    });

    it("locate shows owners before stand-ins, from the first admin port that answers", async () => {
      const node = (port: number): object => ({ id: `node-${port}`, address: `127.0.0.1:${port}`, zone: "" });
      const list = { position: "00ff", partition: 7, owners: [node(1), node(2)], fallbacks: [node(3)] };
      const server = await serve(() => json(list));
      const gone = await ScriptedServer.start(() => written);
      await gone.stop();
      const run = await cli(["locate", "a/b", "k", "--admin", `${gone.endpoint},${server.endpoint}`]);
      expect(run.code).to.equal(0);
      expect(run.out).to.match(/partition 7\n[^]*owner 1 +127\.0\.0\.1:1[^]*owner 2[^]*stand-in 1/);
      expect(server.seen[0]?.target).to.equal("/admin/v1/preference-list/a%2Fb/k");
    });

    it("ring form shows the token of the secret and the ids of the nodes behind --admin", async () => {
      const key = Buffer.alloc(32, 7);
      const secret = path.join(scratch, "secret");
      writeFileSync(secret, `1 ${key.toString("base64")}\n`);
      const server = await serve((request) =>
        request.method === "GET" ? json(status) : json({ clusterId: "shop", epoch: 1, hash: "abcdef0123" }),
      );
      const args = ["--cluster-id", "shop", "--secret-file", secret, "--admin", server.endpoint];
      const run = await cli(["ring", "form", ...args]);
      expect(run).to.include({ code: 0, err: "" });
      const form = server.seen[1];
      expect(form?.target).to.equal("/admin/v1/ring/form");
      expect(form?.headers.authorization).to.equal(`Bearer ${adminToken(key)}`);
      expect(JSON.parse(form!.body.toString())).to.deep.equal({ clusterId: "shop", members: [id] });
    });

    it("a secret that is missing or malformed is named, before anything is sent", async () => {
      const server = await serve(() => json(status));
      const form = ["ring", "form", "--cluster-id", "shop", "--admin", server.endpoint, "--secret-file"];
      const missing = await cli([...form, path.join(scratch, "none")]);
      expect([missing.code, missing.err.includes("--secret-file")]).to.deep.equal([2, true]);
      const bad = path.join(scratch, "bad");
      writeFileSync(bad, "hunter2\n");
      const malformed = await cli([...form, bad]);
      expect(malformed.err).to.include(bad).and.not.include("hunter2");
      expect(server.seen).to.have.length(0);
    });
  });
});
