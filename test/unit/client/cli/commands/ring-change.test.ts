import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { adminToken } from "../../../../../node/contract/admin-token.ts";
import type { AdminMember, AdminRing } from "../../../../../node/contract/admin-types.ts";
import type { RingChangeProgress, RingPlan } from "../../../../../node/contract/ring-change-types.ts";
import { errorAnswer, ScriptedServer, type ScriptedAnswer, type SeenRequest } from "../../scripted-server.ts";
import { cli, type CliRun } from "../run-cli.ts";

const KEY = Buffer.alloc(32, 7);
const IDS = [1, 2, 3, 4, 5].map((n) => `${String(n).repeat(8)}-1111-4111-8111-111111111111`);

const json = (body: unknown, status = 200): ScriptedAnswer => ({
  status,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

function memberAt(index: number): AdminMember {
  return {
    id: IDS[index]!,
    address: `demo-${index}.demo-nodes.ns.svc:7080`,
    clientAddress: `10.0.0.${index}:8080`,
    zone: "",
    version: "1",
    state: index < 3 ? "active" : "none",
    reachable: true,
    self: index === 0,
    believed: "up",
    reason: "heard",
    downSince: null,
    incarnation: 1,
    condition: "serving",
    suspectedBy: [],
  };
}

/** A member of a ring of three that nodes 3 and 4 can join. The change ends after it was looked at twice. */
class RingDouble {
  readonly seen: SeenRequest[] = [];
  epoch = 4;
  changeId = "";
  looks = 0;
  members = [0, 1, 2];
  /** Of the ring that plans are made on, where it has gone on since. */
  plannedEpoch: number | undefined;
  /** Of node 3, which the status that is asked for is of; undefined: no status. */
  freeBytes: number | undefined;
  /** Answers instead of the ring, once each. */
  readonly first: ScriptedAnswer[] = [];

  answer(request: SeenRequest): ScriptedAnswer {
    this.seen.push(request);
    const body = request.body.length === 0 ? undefined : (JSON.parse(request.body.toString()) as never);
    switch (request.target) {
      case "/admin/v1/members":
        return json({ members: IDS.map((_, index) => memberAt(index)) });
      case "/admin/v1/status":
        if (this.freeBytes === undefined) break;
        return json({ node: memberAt(3), storage: { volumeFreeBytes: this.freeBytes } });
      case "/admin/v1/ring":
        return json(this.ring());
      case "/admin/v1/ring/plan":
        return json(this.plan(body!));
      case "/admin/v1/ring/changes": {
        const instead = this.first.shift();
        if (instead !== undefined) return instead;
        this.changeId = (body! as { changeId: string }).changeId;
        this.epoch++;
        return json({ changeId: this.changeId, generation: 0, epoch: this.epoch, hash: "cd" });
      }
      case "/admin/v1/ring/changes/current":
        return json(this.progress() ?? {});
      case "/admin/v1/ring/changes/cancel":
        this.changeId = "";
        this.epoch++;
        return json({ changeId: "c", generation: 0, epoch: this.epoch, hash: "ef" });
      case "/admin/v1/ring/recover":
        return json({ generation: 1, epoch: this.epoch + 1, hash: "ff" });
    }
    return errorAnswer(404, { code: "not_found" });
  }

  ring(): AdminRing {
    if (this.changeId !== "" && ++this.looks > 2) {
      this.changeId = "";
      this.epoch += 2;
      this.members = [0, 1, 2, 3, 4];
    }
    const change = this.changeId === "" ? null : { changeId: this.changeId, type: "join", phase: "transfer" };
    return {
      clusterId: "c",
      generation: 0,
      epoch: this.epoch,
      hash: "ab",
      parameters: { partitions: 8, replicas: 3, hash: "md5", leafFormat: 1 },
      featureLevel: 2,
      members: this.members.map((index) => ({ id: IDS[index]!, zone: "", state: "active" })),
      owners: [0, 1, 2, 0, 1, 2, 0, 1],
      change,
    };
  }

  progress(): RingChangeProgress | undefined {
    if (this.changeId === "") return undefined;
    return {
      changeId: this.changeId,
      type: "join",
      phase: "transfer",
      epoch: this.epoch,
      node: IDS[3]!,
      joining: [IDS[3]!, IDS[4]!],
      leaving: [],
      moved: this.looks * 4,
      total: 10,
      nodes: [],
      waitsFor: "2 copies are not complete",
    };
  }

  plan({
    type,
    joining = [],
    leaving = [],
  }: {
    type: RingPlan["type"];
    joining?: string[];
    leaving?: string[];
  }): RingPlan {
    return {
      generation: 0,
      epoch: this.plannedEpoch ?? this.epoch,
      hash: "ab",
      type,
      joining,
      leaving,
      nodes: IDS.map((id, index) => ({
        id,
        address: memberAt(index).address,
        zone: "",
        owned: { before: index < 3 ? 3 : 0, after: 2 },
        copies: { before: index < 3 ? 8 : 0, after: 5 },
        bytesGained: index < 3 ? 0 : 1_572_864,
      })),
      transfers: Array.from({ length: 10 }, (_, partition) => ({ partition, from: IDS[0]!, to: IDS[3]! })),
      copiesMovedMin: 10,
      ownersMoved: 4,
      ownersMovedMin: 4,
      bytesMoved: 3_145_728,
    };
  }
}

describe("dynamokv ring plan, join, leave, replace, cancel and recover", () => {
  let double = new RingDouble();
  let server: ScriptedServer;
  let scratch = "";

  before(async () => {
    server = await ScriptedServer.start((request) => double.answer(request));
    scratch = mkdtempSync(path.join(os.tmpdir(), "dynamokv-ring-"));
    writeFileSync(path.join(scratch, "secret"), `1 ${KEY.toString("base64")}\n`);
  });
  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true });
  });
  beforeEach(() => (double = new RingDouble()));

  const ring = (...args: string[]): Promise<CliRun> =>
    cli(["ring", ...args, "--admin", server.endpoint, "--secret-file", path.join(scratch, "secret")]);
  const posted = (target: string): unknown[] =>
    double.seen
      .filter((seen) => seen.target === target)
      .map(({ body }) => JSON.parse(body.toString()) as unknown);

  it("each has help with an example and the options that all share", async () => {
    for (const command of ["plan", "join", "leave", "replace", "cancel", "recover"]) {
      const { code, out } = await cli(["ring", command, "--help"]);
      expect(code, command).to.equal(0);
      expect(out, command).to.include("Example").and.include("--admin <url,...>").and.include("--output");
    }
  });

  it("plan shows what moves where and how many bytes, and changes nothing", async () => {
    const run = await ring("plan", "join", "10.0.0.3:8080", "demo-4");
    expect([run.code, run.err]).to.deep.equal([0, ""]);
    expect(run.out).to.match(/10\.0\.0\.3:8080 +- +joins +0 -> 2 +0 -> 5 +1\.5 MiB +44444444-/);
    expect(run.out).to.match(/10\.0\.0\.0:8080 +- +stays +3 -> 2 +8 -> 5 +- /);
    expect(run.out)
      .to.include("Moves 10 copies")
      .and.include("the least that is possible")
      .and.include("3.0 MiB");
    expect(posted("/admin/v1/ring/plan")).to.deep.equal([{ type: "join", joining: [IDS[3], IDS[4]] }]);
    expect(posted("/admin/v1/ring/changes")).to.deep.equal([]);
    expect(
      double.seen.find(({ target }) => target === "/admin/v1/ring/plan")!.headers.authorization,
    ).to.equal(`Bearer ${adminToken(KEY)}`);
    const asJson = await ring("plan", "replace", "11111111", "44444444", "--output", "json");
    expect(JSON.parse(asJson.out)).to.deep.include({ type: "replace", leaving: [IDS[0]], joining: [IDS[3]] });
  });

  it("join begins what was planned at the epoch it was planned at, and watches it to its end", async () => {
    const run = await ring("join", IDS[3]!, IDS[4]!, "--yes");
    expect(run.code, run.err).to.equal(0);
    const [begun] = posted("/admin/v1/ring/changes") as { changeId: string }[];
    expect(begun).to.deep.include({ type: "join", epoch: 4, joining: [IDS[3], IDS[4]], leaving: [] });
    expect(begun!.changeId).to.match(/^join-[0-9a-f]{12}$/);
    expect(run.err).to.match(/moving copies: 4 of 10 \(40 %\), 2 copies are not complete/);
    expect(run.out)
      .to.include("Moves 10 copies")
      .and.match(/change join-[0-9a-f]{12} is done: epoch 7\n$/);
  });

  it("as JSON says the plan, the change and how it ended, on stdout alone", async () => {
    const run = await ring("join", IDS[3]!, IDS[4]!, "--yes", "--output", "json");
    const outcome = JSON.parse(run.out) as { outcome: string; epoch: number; plan: RingPlan };
    expect([outcome.outcome, outcome.epoch, outcome.plan.type]).to.deep.equal(["done", 7, "join"]);
    const begun = await ring("leave", IDS[1]!, "--yes", "--no-wait", "--output", "json");
    expect(JSON.parse(begun.out)).to.include({ outcome: "begun" });
  });

  it("does nothing without --yes where nobody can be asked", async () => {
    const run = await ring("leave", IDS[2]!);
    expect(run.code).to.equal(2);
    expect(run.err).to.include("nothing was changed").and.include("--yes");
    expect(posted("/admin/v1/ring/changes")).to.deep.equal([]);
  });

  it("begins nothing where a node has no room for what it would receive, unless told to", async () => {
    double.freeBytes = 100 * 2 ** 20;
    const planned = await ring("plan", "join", IDS[3]!, IDS[4]!);
    const lack =
      "no room: 10.0.0.3:8080 would receive about 2 MiB and has 100 MiB free, where 130 MiB are needed";
    expect([planned.code, planned.out.includes(lack)]).to.deep.equal([0, true]);
    const refused = await ring("join", IDS[3]!, IDS[4]!, "--yes");
    expect(refused.code).to.equal(1);
    expect(refused.err).to.include(lack).and.include("nothing was changed").and.include("--force");
    const told = await ring("join", IDS[3]!, "--yes", "--output", "json");
    expect([told.code, JSON.parse(told.out).outcome]).to.deep.equal([1, "no_room"]);
    expect(posted("/admin/v1/ring/changes")).to.deep.equal([]);
    expect((await ring("join", IDS[3]!, IDS[4]!, "--yes", "--force")).code).to.equal(0);
    const asJson = JSON.parse((await ring("plan", "join", IDS[3]!, "--output", "json")).out) as object;
    expect(asJson).to.deep.include({
      noRoom: [{ id: IDS[3], gained: 1_572_864, free: 100 * 2 ** 20, needed: 136_105_165 }],
    });
  });

  it("sends an undecided change again under the same id, and takes a lost answer for what it was", async () => {
    double.first.push(errorAnswer(503, { code: "undecided", maybeApplied: true }));
    const run = await ring("join", IDS[3]!, IDS[4]!, "--yes", "--no-wait");
    expect(run.code, run.err).to.equal(0);
    const sent = posted("/admin/v1/ring/changes") as { changeId: string }[];
    expect(sent.map(({ changeId }) => changeId)).to.deep.equal([sent[0]!.changeId, sent[0]!.changeId]);

    double = new RingDouble();
    double.first.push(
      errorAnswer(503, { code: "undecided", maybeApplied: true }),
      errorAnswer(409, { code: "epoch_passed" }),
    );
    double.plannedEpoch = double.epoch;
    double.epoch += 3;
    double.members = [0, 1, 2, 3, 4];
    expect((await ring("join", IDS[3]!, IDS[4]!, "--yes", "--no-wait")).code).to.equal(0);
  });

  it("says what to do where the ring refuses it", async () => {
    double.first.push(errorAnswer(409, { code: "change_under_way" }));
    const run = await ring("join", IDS[3]!, "--yes");
    expect(run.code).to.equal(1);
    expect(run.err).to.include("said change_under_way").and.include("ring cancel");
    const twice = await ring("join", "10.0.0.9:8080", "--yes");
    expect(twice.code).to.equal(2);
    expect(twice.err).to.include("no node is called 10.0.0.9:8080").and.include(IDS[4]);
  });

  it("fails where somebody cancelled the change meanwhile", async () => {
    const joined = ring("join", IDS[3]!, IDS[4]!, "--yes");
    while (double.changeId === "") await new Promise((resolve) => setTimeout(resolve, 5));
    double.looks = -100;
    const cancelled = await ring("cancel");
    expect([cancelled.code, cancelled.out]).to.deep.equal([
      0,
      `change ${(posted("/admin/v1/ring/changes/cancel")[0] as { changeId: string }).changeId} is cancelled: the ring is as before, at epoch 6\n`,
    ]);
    const run = await joined;
    expect([run.code, run.out.includes("was cancelled")]).to.deep.equal([1, true]);
  });

  it("cancels it also where a node that knows of no change is named first", async () => {
    const begun = await ring("join", IDS[3]!, IDS[4]!, "--yes", "--no-wait");
    double.looks = -100;
    const spare = await ScriptedServer.start(({ target }) =>
      target.endsWith("/current") ? json({}) : errorAnswer(404, { code: "no_ring" }),
    );
    const secret = ["--secret-file", path.join(scratch, "secret")];
    const run = await cli(["ring", "cancel", "--admin", `${spare.endpoint},${server.endpoint}`, ...secret]);
    await spare.stop();
    expect([begun.code, run.code, posted("/admin/v1/ring/changes/cancel").length]).to.deep.equal([0, 0, 1]);
  });

  it("has nothing to cancel without a change", async () => {
    const run = await ring("cancel");
    expect([run.code, posted("/admin/v1/ring/changes/cancel").length]).to.deep.equal([2, 0]);
  });

  it("recovers only with --yes, and says who will be lost without it", async () => {
    const asked = await ring("recover", "--survivors", "demo-0");
    expect(asked.code).to.equal(2);
    expect(asked.err)
      .to.include("generation 1")
      .and.include(IDS[1])
      .and.include(IDS[2])
      .and.not.include(IDS[0]);
    expect(posted("/admin/v1/ring/recover")).to.deep.equal([]);
    const done = await ring("recover", "--survivors", "demo-0", "--yes");
    expect([done.code, done.out]).to.deep.equal([0, "recovered: generation 1, epoch 5, 1 members\n"]);
    expect(posted("/admin/v1/ring/recover")).to.deep.equal([
      { survivors: [IDS[0]], generation: 0, epoch: 4 },
    ]);
  });

  it("show tells how far the change is", async () => {
    double.changeId = "c-1";
    const run = await ring("show");
    expect(run.out).to.include("join c-1 (transfer)").and.include("4 of 10 copies are complete");
  });
});
