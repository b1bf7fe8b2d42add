import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { adminToken } from "../../../../../node/contract/admin-token.ts";
import type { AdminExchange, AdminRepair } from "../../../../../node/contract/admin-types.ts";
import { ScriptedServer, type ScriptedAnswer } from "../../scripted-server.ts";
import { cli } from "../run-cli.ts";

const KEY = Buffer.alloc(32, 7);
const SELF = "11111111-1111-4111-8111-111111111111";
const PEER = "22222222-2222-4222-8222-222222222222";

function exchange(more: Partial<AdminExchange>): AdminExchange {
  return {
    peer: PEER,
    outcome: "repaired",
    reason: "",
    partitionsCompared: 256,
    partitionsDiffering: 2,
    leavesDiffering: 2,
    rowsCompared: 7,
    rowsDiffering: 3,
    recordsPulled: 2,
    recordsPushed: 1,
    bytesSent: 400,
    bytesReceived: 600,
    partitionsCovered: 256,
    durationMs: 1_010,
    ...more,
  };
}

const json = (body: unknown, status = 200): ScriptedAnswer => ({
  status,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

describe("dynamokv repair", () => {
  const servers: ScriptedServer[] = [];
  let scratch = "";
  let secret: string[] = [];

  beforeEach(() => {
    scratch = mkdtempSync(path.join(os.tmpdir(), "dynamokv-repair-"));
    writeFileSync(path.join(scratch, "secret"), `1 ${KEY.toString("base64")}\n`);
    secret = ["--secret-file", path.join(scratch, "secret")];
  });
  afterEach(async () => {
    rmSync(scratch, { recursive: true });
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  async function node(answer: ScriptedAnswer): Promise<ScriptedServer> {
    const server = await ScriptedServer.start(({ method }) =>
      method === "GET" ? json({ node: { id: SELF } }) : answer,
    );
    servers.push(server);
    return server;
  }

  const repaired = (...exchanges: AdminExchange[]): AdminRepair => ({
    exchanges,
    recordsMoved: 3,
    bytesMoved: 1_000,
  });

  it("asks each node with the token of the secret, for as long as it was given", async () => {
    const server = await node(json(repaired(exchange({}))));
    const run = await cli(["repair", "--repair-timeout-ms", "1500", "--admin", server.endpoint, ...secret]);
    expect(run).to.include({ code: 0, err: "" });
    const post = server.seen.find(({ method }) => method === "POST")!;
    expect(post.target).to.equal("/admin/v1/anti-entropy?timeout_ms=1500");
    expect(post.headers.authorization).to.equal(`Bearer ${adminToken(KEY)}`);
    const [, row] = run.out.split("\n");
    expect(row).to.match(new RegExp(`^${server.endpoint} +${PEER} +repaired +3 +2 +1 +1000 +-$`));
  });

  it("fails where a node could not compare with all, and says why; the others are asked all the same", async () => {
    const cut = exchange({ outcome: "failed", reason: "this node is not connected to it" });
    const servers2 = [await node(json(repaired(cut))), await node(json(repaired(exchange({}))))];
    const admins = servers2.map(({ endpoint }) => endpoint).join(",");
    const run = await cli(["repair", "--admin", admins, ...secret]);
    expect(run.code).to.equal(1);
    expect(run.out).to.include("failed").and.include("not connected").and.include("repaired");
  });

  it("fails where a node is busy with another repair, in JSON too", async () => {
    const busy = { error: { code: "busy", message: "comparing already", requestId: "r" } };
    const server = await node(json(busy, 409));
    const run = await cli(["repair", "--output", "json", "--admin", server.endpoint, ...secret]);
    expect(run.code).to.equal(1);
    const { nodes } = JSON.parse(run.out) as { nodes: { error?: string }[] };
    expect(nodes[0]!.error).to.include("comparing already");
  });

  it("asks nobody without the secret", async () => {
    const server = await node(json(repaired()));
    const run = await cli([
      "repair",
      "--admin",
      server.endpoint,
      "--secret-file",
      path.join(scratch, "none"),
    ]);
    expect([run.code, server.seen.length]).to.deep.equal([2, 0]);
  });
});
