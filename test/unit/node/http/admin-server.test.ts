import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "chai";
import type { AdminReplica } from "../../../../node/contract/admin-types.ts";
import { adminToken } from "../../../../node/contract/admin-token.ts";
import type { KeyOfBucket } from "../../../../node/core/coordinator/requests.ts";
import type { NodeId } from "../../../../node/core/node-id.ts";
import { AdminServer } from "../../../../node/http/admin-server.ts";
import type { AdoptionOutcome } from "../../../../node/http/identity-adoption.ts";
import { defaultHttpLimits } from "../../../../node/http/http-limits.ts";
import type {
  FormRingOutcome,
  NodeAdmin,
  PartitionsOutcome,
  RepairOutcome,
  ReplicaOutcome,
  RingFormation,
} from "../../../../node/http/node-admin.ts";
import type { RingAdmin } from "../../../../node/http/ring-admin.ts";
import { errorCode, exchange, type RawAnswer, request } from "./raw-http.ts";

const ID = "11111111-1111-4111-8111-111111111111";
const OTHER = "22222222-2222-4222-8222-222222222222";

const REPLICA: AdminReplica = {
  position: "00".repeat(16),
  partition: 0,
  versionVector: { "00000000000000aa#1": 1 },
  looseDots: {},
  dots: [],
  tombstone: false,
  keptFor: [],
};

/** Answers as told, and remembers what it was asked. */
class ScriptedAdmin implements NodeAdmin {
  isReady = true;
  hasRing = true;
  readonly asked: KeyOfBucket[] = [];
  readonly formations: RingFormation[] = [];
  replicaOutcome: ReplicaOutcome = { kind: "found", replica: REPLICA };
  readonly repairs: number[] = [];
  /** Its next repair goes on for as long as somebody waits for it. */
  hangsUntilUnwanted = false;
  repairOutcome: RepairOutcome = {
    kind: "compared",
    repair: { exchanges: [], recordsMoved: 0, bytesMoved: 0 },
  };
  readonly adopted: NodeId[] = [];
  adoptionOutcome: AdoptionOutcome | undefined;
  formOutcome: FormRingOutcome = { kind: "formed", clusterId: "c", epoch: 1, hash: "ab" };

  ready(): ReturnType<NodeAdmin["ready"]> {
    return this.isReady ? { ready: true, reason: "serving" } : { ready: false, reason: "draining" };
  }

  status(): ReturnType<NodeAdmin["status"]> {
    return {
      node: { id: ID, address: "127.0.0.1:7081", zone: "a", version: "0", clientAddress: "127.0.0.1:8081" },
      state: "serving",
      stateReason: "",
      clusterId: "c",
      ring: { epoch: 1, hash: "ab" },
      hints: { pending: { [OTHER]: 2 }, markers: 1, bytes: 3, bytesMax: 4, lost: null },
      tombstones: { count: 5, inDoubt: false },
      seals: { lastRound: null },
      peers: { up: 2, slow: 0, down: 0 },
      antiEntropy: { lastExchange: {} },
      storage: { keys: 12, bytes: 81_920, volumeFreeBytes: 1_073_741_824 },
      recovery: { recovering: false, partitionsLeft: 0 },
      uptimeSeconds: 1,
    };
  }

  members(): ReturnType<NodeAdmin["members"]> {
    return { members: [] };
  }

  ring(): ReturnType<NodeAdmin["ring"]> {
    if (!this.hasRing) return undefined;
    return {
      clusterId: "c",
      generation: 0,
      epoch: 1,
      hash: "ab",
      parameters: { partitions: 8, replicas: 3, hash: "md5", leafFormat: 1 },
      featureLevel: 1,
      members: [],
      owners: [],
      change: null,
    };
  }

  routingTable(): undefined {
    return undefined;
  }

  preferenceList(key: KeyOfBucket): ReturnType<NodeAdmin["preferenceList"]> {
    this.asked.push(key);
    return this.hasRing ? { position: "00", partition: 0, owners: [], fallbacks: [] } : undefined;
  }

  async replica(key: KeyOfBucket): Promise<ReplicaOutcome> {
    this.asked.push(key);
    return Promise.resolve(this.replicaOutcome);
  }

  async partitions(): Promise<PartitionsOutcome> {
    if (!this.hasRing) return Promise.resolve({ kind: "no_ring" });
    const partitions = [{ partition: 3, role: "owner" as const, keys: 2, root: "ab".repeat(16) }];
    return Promise.resolve({ kind: "found", partitions: { partitions } });
  }

  async repair(timeoutMs: number, isWanted: () => boolean): Promise<RepairOutcome> {
    this.repairs.push(timeoutMs);
    if (this.hangsUntilUnwanted) {
      while (isWanted()) await delay(5);
      this.hangsUntilUnwanted = false;
    }
    return this.repairOutcome;
  }

  adoptIdentity(id: NodeId): AdoptionOutcome {
    this.adopted.push(id);
    return this.adoptionOutcome ?? { kind: "adopted", id };
  }

  async formRing(formation: RingFormation): Promise<FormRingOutcome> {
    this.formations.push(formation);
    return Promise.resolve(this.formOutcome);
  }
}

const SECRET = new Uint8Array(32).fill(9);
const RETIRED = new Uint8Array(32).fill(8);

describe("admin port", () => {
  const admin = new ScriptedAdmin();
  const target = { host: "127.0.0.1", port: 0 };
  const failures: string[] = [];
  const server = new AdminServer({
    admin,
    // What it answers has a test of its own.
    ringChanges: { progress: () => undefined } as unknown as RingAdmin,
    tokens: () => [adminToken(SECRET), adminToken(RETIRED)],
    metrics: () => Promise.resolve({ contentType: "text/plain; version=0.0.4", text: "dynamo_x 1\n" }),
    limits: defaultHttpLimits,
    observer: {
      answered: () => {},
      shed: () => {},
      connectionRefused: () => {},
      listening: () => {},
      handlerFailed: (error) => failures.push(String(error)),
    },
  });
  before(async () => (target.port = (await server.start({ host: "127.0.0.1", port: 0 })).port));
  after(() => server.stop(200));
  beforeEach(() => {
    admin.isReady = true;
    admin.hasRing = true;
    admin.formations.length = 0;
  });

  const get = (path: string): Promise<RawAnswer> => exchange(target, request("GET", path));
  const json = (answer: RawAnswer): unknown => JSON.parse(answer.body.toString("utf8"));

  function form(body: unknown, headers: readonly string[] = [bearer(SECRET)]): Promise<RawAnswer> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return exchange(
      target,
      request("POST", "/admin/v1/ring/form", ["Content-Type: application/json", ...headers], text),
    );
  }

  it("is live as long as it answers, and ready only when the node says so", async () => {
    expect((await get("/livez")).status).to.equal(200);
    expect((await get("/readyz")).status).to.equal(200);
    admin.isReady = false;
    const unready = await get("/readyz");
    expect([unready.status, json(unready)]).to.deep.equal([503, { ready: false, reason: "draining" }]);
    expect((await get("/livez")).status).to.equal(200);
  });

  it("serves metrics in the type that prom-client names", async () => {
    const answer = await get("/metrics");
    expect([answer.status, answer.body.toString()]).to.deep.equal([200, "dynamo_x 1\n"]);
    expect(answer.headers.get("content-type")).to.include("version=0.0.4");
  });

  it("serves status, members and ring as the node tells them; 404 no_ring without a ring", async () => {
    expect(json(await get("/admin/v1/status"))).to.deep.equal(admin.status());
    expect(json(await get("/admin/v1/members"))).to.deep.equal({ members: [] });
    expect(json(await get("/admin/v1/ring"))).to.deep.equal(admin.ring());
    expect(json(await get("/admin/v1/ring/changes/current"))).to.deep.equal({});
    admin.hasRing = false;
    const missing = await get("/admin/v1/ring");
    expect([missing.status, errorCode(missing)]).to.deep.equal([404, "no_ring"]);
    expect((await get("/admin/v1/preference-list/b/k")).status).to.equal(503);
  });

  it("takes buckets and keys as bytes", async () => {
    expect((await get("/admin/v1/preference-list/%ff/a%2Fb")).status).to.equal(200);
    expect((await get("/admin/v1/replica/%ff/a%2Fb")).status).to.equal(200);
    for (const { bucket, key } of admin.asked.slice(-2)) {
      expect([...bucket, ...key]).to.deep.equal([0xff, 0x61, 0x2f, 0x62]);
    }
    expect(errorCode(await get("/admin/v1/replica/b/%zz"))).to.equal("invalid_key");
    for (const path of [
      "/admin/v1/replica",
      "/admin/v1/replica/b",
      "/admin/v1/replica/b/k/x",
      "/admin/v1/Replica/b/k",
    ]) {
      expect((await get(path)).status, path).to.equal(404);
    }
  });

  it("says whether a replica is missing or could not be read", async () => {
    admin.replicaOutcome = { kind: "none" };
    expect((await get("/admin/v1/replica/b/k")).status).to.equal(404);
    admin.replicaOutcome = { kind: "failed", message: "disk" };
    const broken = await get("/admin/v1/replica/b/k");
    expect([broken.status, errorCode(broken)]).to.deep.equal([503, "storage_failed"]);
  });

  it("tells the partitions that it holds", async () => {
    const answer = await get("/admin/v1/partitions");
    expect(json(answer)).to.deep.equal({
      partitions: [{ partition: 3, role: "owner", keys: 2, root: "ab".repeat(16) }],
    });
    admin.hasRing = false;
    const missing = await get("/admin/v1/partitions");
    expect([missing.status, errorCode(missing)]).to.deep.equal([503, "no_ring"]);
  });

  it("compares copies for whoever has the token, in the time that it is given, one at a time", async () => {
    const post = (query: string, headers = [bearer(SECRET)]): Promise<RawAnswer> =>
      exchange(target, request("POST", `/admin/v1/anti-entropy${query}`, headers));
    expect((await post("", [])).status).to.equal(401);
    expect(admin.repairs).to.deep.equal([]);
    expect(json(await post(""))).to.deep.equal({ exchanges: [], recordsMoved: 0, bytesMoved: 0 });
    expect((await post("?timeout_ms=1500")).status).to.equal(200);
    for (const query of [
      "?timeout_ms=0",
      "?timeout_ms=1e3",
      "?timeout_ms=3600001",
      "?timeout_ms=1&timeout_ms=2",
      "?w=1",
    ])
      expect(errorCode(await post(query)), query).to.equal("invalid_query");
    expect(admin.repairs).to.deep.equal([60_000, 1_500]);
    admin.repairOutcome = { kind: "busy" };
    const busy = await post("");
    expect([busy.status, errorCode(busy)]).to.deep.equal([409, "busy"]);
    const get405 = await get("/admin/v1/anti-entropy");
    expect([get405.status, get405.headers.get("allow")]).to.deep.equal([405, "POST"]);
  });

  it("tells a repair whose client has gone that nobody waits for it", async () => {
    admin.hangsUntilUnwanted = true;
    const before = admin.repairs.length;
    const client = connect(target.port, target.host);
    client.write(request("POST", "/admin/v1/anti-entropy", [bearer(SECRET)]));
    while (admin.repairs.length === before) await delay(5);
    await delay(50);
    expect(admin.hangsUntilUnwanted, "as long as the client waits").to.equal(true);
    client.destroy();
    while (admin.hangsUntilUnwanted) await delay(5);
  });

  it("forms a ring for whoever has the cluster's token, also a rotated one, and for nobody else", async () => {
    const body = { clusterId: "c", members: [ID, OTHER] };
    for (const key of [SECRET, RETIRED]) {
      const formed = await form(body, [bearer(key)]);
      expect([formed.status, json(formed)]).to.deep.equal([200, { clusterId: "c", epoch: 1, hash: "ab" }]);
    }
    expect(admin.formations[0]).to.deep.equal({ ...body, partitions: 256, replicas: 3 });
    admin.formations.length = 0;
    const wrong = [
      [],
      [bearer(new Uint8Array(32))],
      ["Authorization: Basic eDp5"],
      ["Authorization: Bearer"],
    ];
    for (const headers of wrong) {
      const refused = await form(body, headers);
      expect([refused.status, errorCode(refused)]).to.deep.equal([401, "unauthorized"]);
      expect(refused.headers.has("www-authenticate")).to.equal(true);
    }
    expect(admin.formations).to.deep.equal([]);
  });

  it("refuses a formation that is not exactly right", async () => {
    const good = { clusterId: "c", members: [ID] };
    const bad: unknown[] = [
      "{",
      "[]",
      '"text"',
      "",
      {},
      { clusterId: "c" },
      { ...good, clusterId: "" },
      { ...good, clusterId: "a/b" },
      { ...good, clusterId: 7 },
      { ...good, members: [] },
      { ...good, members: [ID, ID] },
      { ...good, members: [ID.toUpperCase().replace("1", "A")] },
      { ...good, members: ["127.0.0.1:7081"] },
      { ...good, members: ID },
      { ...good, partitions: 7 },
      { ...good, partitions: 255 },
      { ...good, partitions: "256" },
      { ...good, partitions: 131_072 },
      { ...good, replicas: 0 },
      { ...good, replicas: 8 },
      { ...good, replica: 3 },
    ];
    for (const body of bad) {
      const answer = await form(body);
      expect(answer.status, JSON.stringify(body)).to.equal(400);
      expect(errorCode(answer)).to.equal("invalid_request");
    }
    const typed = await exchange(
      target,
      request("POST", "/admin/v1/ring/form", [bearer(SECRET)], JSON.stringify(good)),
    );
    expect(typed.status, "without its Content-Type").to.equal(400);
    expect((await form({ ...good, clusterId: "x".repeat(100_000) })).status).to.equal(413);
    expect(admin.formations).to.deep.equal([]);
  });

  it("says why a ring was not formed", async () => {
    const cases = [
      ["ring_exists", 409, "ring_exists"],
      ["members_unreachable", 503, "members_unreachable"],
      ["invalid", 400, "invalid_request"],
    ] as const;
    for (const [kind, status, code] of cases) {
      admin.formOutcome = { kind, message: "why" };
      const answer = await form({ clusterId: "c", members: [ID] });
      expect([answer.status, errorCode(answer)]).to.deep.equal([status, code]);
    }
  });

  it("lets whoever holds the secret give an empty node the id of a lost one, and says why where not", async () => {
    const adopt = (body: unknown, ...headers: string[]): Promise<RawAnswer> => {
      const all = ["Content-Type: application/json", ...headers];
      return exchange(target, request("POST", "/admin/v1/identity", all, JSON.stringify(body)));
    };
    expect((await adopt({ id: OTHER })).status, "without a token").to.equal(401);
    for (const body of [[], {}, { id: 5 }, { id: "node-1" }, { id: OTHER, force: true }]) {
      expect((await adopt(body, bearer(SECRET))).status, JSON.stringify(body)).to.equal(400);
    }
    expect(admin.adopted).to.deep.equal([]);
    expect(json(await adopt({ id: OTHER }, bearer(SECRET)))).to.deep.equal({ id: OTHER });
    expect(admin.adopted).to.deep.equal([OTHER]);
    admin.adoptionOutcome = { kind: "refused", message: "not empty" };
    const refused = await adopt({ id: OTHER }, bearer(SECRET));
    expect([refused.status, errorCode(refused)]).to.deep.equal([409, "identity_refused"]);
  });

  it("answers everything else in JSON: 404, 405, and 500 without a stack", async () => {
    expect(errorCode(await get("/nothing"))).to.equal("not_found");
    expect(errorCode(await get("/v1/kv/b/k"))).to.equal("not_found");
    expect(errorCode(await get("/admin/v1/%zz"))).to.equal("not_found");
    const form405 = await get("/admin/v1/ring/form");
    expect([form405.status, form405.headers.get("allow")]).to.deep.equal([405, "POST"]);
    const delete405 = await exchange(target, request("DELETE", "/admin/v1/replica/b/k"));
    expect([delete405.status, errorCode(delete405)]).to.deep.equal([405, "method_not_allowed"]);
    admin.status = () => {
      throw new Error("planted");
    };
    const broken = await get("/admin/v1/status");
    expect([broken.status, errorCode(broken)]).to.deep.equal([500, "internal_error"]);
    expect(broken.body.toString()).to.not.include("planted");
    expect(failures).to.include("Error: planted");
  });
});

function bearer(key: Uint8Array): string {
  return `Authorization: Bearer ${adminToken(key)}`;
}
