import { expect } from "chai";
import { adminToken } from "../../../../node/contract/admin-token.ts";
import type { RingChangeProgress, RingPlan } from "../../../../node/contract/ring-change-types.ts";
import type { SubmittedChange, SubmittedRecovery } from "../../../../node/core/ring/change/ring-changes.ts";
import { createServer } from "../../../../node/http/client-server.ts";
import { requireToken } from "../../../../node/http/admin-auth.ts";
import { addFallbacks, createApp } from "../../../../node/http/express-conventions.ts";
import { defaultHttpLimits } from "../../../../node/http/http-limits.ts";
import { closeGracefully, listen, trackConnections } from "../../../../node/http/listener.ts";
import type {
  ChangeOutcome,
  PlanOutcome,
  RecoveryAttempt,
  RingAdmin,
} from "../../../../node/http/ring-admin.ts";
import type { PlannedChange } from "../../../../node/http/ring-change-body.ts";
import { addRingChangeRoutes } from "../../../../node/http/ring-change-routes.ts";
import { errorCode, exchange, type RawAnswer, request } from "./raw-http.ts";

const A = "11111111-1111-4111-8111-111111111111";
const B = "22222222-2222-4222-8222-222222222222";
const SECRET = new Uint8Array(32).fill(9);

const PLAN: RingPlan = {
  generation: 0,
  epoch: 4,
  hash: "ab",
  type: "join",
  joining: [A],
  leaving: [],
  nodes: [],
  transfers: [{ partition: 0, from: null, to: A }],
  copiesMovedMin: 1,
  ownersMoved: 1,
  ownersMovedMin: 1,
  bytesMoved: 12,
};

const RING = {
  clusterId: "c",
  generation: 0,
  epoch: 7,
  hash: "cd",
  parameters: { partitions: 8, replicas: 3, hash: "md5", leafFormat: 1 },
  featureLevel: 2,
  members: [],
  owners: [],
  change: null,
};

/** Answers as told, and remembers what it was asked. */
class ScriptedRing implements RingAdmin {
  readonly asked: unknown[] = [];
  change: ChangeOutcome = { kind: "decided", decided: { generation: 0, epoch: 5, hash: "ef" } };
  planned: PlanOutcome = { kind: "planned", plan: PLAN };
  recovered: RecoveryAttempt = { kind: "recovered", decided: { generation: 1, epoch: 6, hash: "ff" } };
  current: RingChangeProgress | undefined;

  plan(change: PlannedChange): Promise<PlanOutcome> {
    this.asked.push(change);
    return Promise.resolve(this.planned);
  }
  submit(change: SubmittedChange): Promise<ChangeOutcome> {
    this.asked.push(change);
    return Promise.resolve(this.change);
  }
  cancel(changeId: string): Promise<ChangeOutcome> {
    this.asked.push(changeId);
    return Promise.resolve(this.change);
  }
  recover(recovery: SubmittedRecovery): Promise<RecoveryAttempt> {
    this.asked.push(recovery);
    return Promise.resolve(this.recovered);
  }
  progress(): RingChangeProgress | undefined {
    return this.current;
  }
}

describe("ring changes on the admin port", () => {
  let changes = new ScriptedRing();
  const target = { host: "127.0.0.1", port: 0 };
  const server = createServer(defaultHttpLimits);
  const connections = trackConnections(server);

  before(async () => {
    const app = createApp();
    const forward: RingAdmin = {
      plan: (change) => changes.plan(change),
      submit: (change) => changes.submit(change),
      cancel: (id) => changes.cancel(id),
      recover: (recovery) => changes.recover(recovery),
      progress: () => changes.progress(),
    };
    const authorize = requireToken(() => [adminToken(SECRET)]);
    addRingChangeRoutes(app, { changes: forward, ring: () => RING, authorize });
    addFallbacks(app, () => {});
    server.on("request", app);
    target.port = (await listen(server, { host: "127.0.0.1", port: 0 })).port;
  });
  after(() => closeGracefully(server, connections, 200));
  beforeEach(() => (changes = new ScriptedRing()));

  const json = (answer: RawAnswer): unknown => JSON.parse(answer.body.toString("utf8"));
  const post = (path: string, body: unknown, token = true): Promise<RawAnswer> =>
    exchange(
      target,
      request(
        "POST",
        `/admin/v1/ring/${path}`,
        ["Content-Type: application/json", ...(token ? [`Authorization: Bearer ${adminToken(SECRET)}`] : [])],
        JSON.stringify(body),
      ),
    );

  it("passes a checked change on, with nothing where nothing is named, and answers the ring that was decided", async () => {
    const begun = await post("changes", { changeId: "c-1", epoch: 4, type: "join", joining: [A, B] });
    expect([begun.status, json(begun)]).to.deep.equal([
      200,
      { changeId: "c-1", generation: 0, epoch: 5, hash: "ef" },
    ]);
    const planned = await post("plan", { type: "replace", joining: [A], leaving: [B] });
    expect([planned.status, json(planned)]).to.deep.equal([200, PLAN]);
    expect((await post("changes/cancel", { changeId: "c-1" })).status).to.equal(200);
    const recovered = await post("recover", { survivors: [A], generation: 0, epoch: 4 });
    expect(json(recovered)).to.deep.equal({ generation: 1, epoch: 6, hash: "ff" });
    expect(changes.asked).to.deep.equal([
      { changeId: "c-1", epoch: 4, type: "join", joining: [A, B], leaving: [] },
      { type: "replace", joining: [A], leaving: [B] },
      "c-1",
      { survivors: [A], generation: 0, epoch: 4 },
    ]);
  });

  it("lets nobody change or plan without the token, and anybody look", async () => {
    for (const path of ["plan", "changes", "changes/cancel", "recover"])
      expect((await post(path, {}, false)).status, path).to.equal(401);
    const look = await exchange(target, request("GET", "/admin/v1/ring/changes/current"));
    expect([look.status, json(look)]).to.deep.equal([200, {}]);
    expect(changes.asked).to.deep.equal([]);
    const wrong = await exchange(target, request("GET", "/admin/v1/ring/changes"));
    expect([wrong.status, wrong.headers.get("allow")]).to.deep.equal([405, "POST"]);
  });

  it("shows how far the change is", async () => {
    changes.current = {
      changeId: "c-1",
      type: "join",
      phase: "transfer",
      epoch: 5,
      node: A,
      joining: [A],
      leaving: [],
      moved: 3,
      total: 9,
      nodes: [{ id: A, moved: 3, total: 9 }],
      waitsFor: "6 copies",
    };
    const look = await exchange(target, request("GET", "/admin/v1/ring/changes/current"));
    expect(json(look)).to.deep.equal(changes.current);
  });

  it("answers 400 to what no ring could grant, 409 with the ring to what this one does not, 503 where nobody knows", async () => {
    const body = { changeId: "c-1", epoch: 4, type: "leave", leaving: [A] };
    const refusedAs = async (
      code: Extract<ChangeOutcome, { kind: "refused" }>["code"],
    ): Promise<RawAnswer> => {
      changes.change = { kind: "refused", code, message: "said" };
      return post("changes", body);
    };
    for (const code of ["nothing_to_change", "wrong_type", "unequal_replacement", "named_twice"] as const) {
      const answer = await refusedAs(code);
      expect([answer.status, errorCode(answer)]).to.deep.equal([400, code]);
    }
    for (const code of [
      "epoch_passed",
      "overtaken",
      "change_under_way",
      "too_few_members",
      "not_joinable",
    ] as const) {
      const answer = await refusedAs(code);
      expect([answer.status, errorCode(answer)]).to.deep.equal([409, code]);
      expect(json(answer)).to.have.property("ring").that.deep.equals(RING);
    }
    changes.change = { kind: "undecided", message: "nobody was asked", mayFollow: false };
    expect(json(await post("changes", body))).to.have.nested.property("error.maybeApplied", false);
    changes.change = { kind: "undecided", message: "no majority", mayFollow: true };
    const undecided = await post("changes", body);
    expect([undecided.status, errorCode(undecided)]).to.deep.equal([503, "undecided"]);
    expect(json(undecided)).to.have.nested.property("error.maybeApplied", true);
    changes.change = { kind: "no_ring" };
    expect((await post("changes", body)).status).to.equal(503);
    changes.recovered = { kind: "unreachable", message: "one is silent" };
    const silent = await post("recover", { survivors: [A], generation: 0, epoch: 4 });
    expect([silent.status, errorCode(silent)]).to.deep.equal([503, "members_unreachable"]);
    expect(json(silent)).to.have.nested.property("error.maybeApplied", false);
  });

  it("refuses a body that is not exactly right, before anybody is asked", async () => {
    const change = { changeId: "c-1", epoch: 4, type: "join", joining: [A] };
    const bad: [string, unknown][] = [
      ["changes", []],
      ["changes", {}],
      ["changes", { ...change, changeId: "" }],
      ["changes", { ...change, changeId: "a b" }],
      ["changes", { ...change, changeId: "x".repeat(129) }],
      ["changes", { ...change, epoch: 0 }],
      ["changes", { ...change, epoch: "4" }],
      ["changes", { ...change, type: "grow" }],
      ["changes", { ...change, joining: [A, A] }],
      ["changes", { ...change, joining: A }],
      ["changes", { ...change, joining: ["127.0.0.1:7081"] }],
      ["changes", { ...change, leave: [B] }],
      ["plan", change],
      ["plan", { type: "join", joining: Array.from({ length: 501 }, (_, i) => idOf(i)) }],
      ["changes/cancel", {}],
      ["changes/cancel", { changeId: "c-1", epoch: 4 }],
      ["recover", { survivors: [], generation: 0, epoch: 4 }],
      ["recover", { survivors: [A], generation: -1, epoch: 4 }],
      ["recover", { survivors: [A], epoch: 4 }],
    ];
    for (const [path, body] of bad) {
      const answer = await post(path, body);
      expect([answer.status, errorCode(answer)], JSON.stringify(body)).to.deep.equal([
        400,
        "invalid_request",
      ]);
    }
    expect(changes.asked).to.deep.equal([]);
  });
});

function idOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}
