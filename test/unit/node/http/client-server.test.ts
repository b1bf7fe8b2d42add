import { expect } from "chai";
import type { FailureCode } from "../../../../node/core/coordinator/requests.ts";
import { describeBadInput } from "./bad-input-catalogue.ts";
import { HttpRig } from "./http-rig.ts";
import { failed } from "./memory-key-value-service.ts";
import { errorCode, exchange, type RawAnswer, RawConnection, request } from "./raw-http.ts";

describe("client port", () => {
  const rig = new HttpRig();
  before(() => rig.start());
  after(() => rig.stop());
  afterEach(() => (rig.service.failure = undefined));

  const send = (data: string): Promise<RawAnswer> => exchange(rig, data);

  it("stores a value with its content type and gives it back with context, owners and time", async () => {
    const written = await send(
      request("PUT", "/v1/kv/carts/alice", ["Content-Type: text/plain"], "\x00\xff value"),
    );
    expect(written.status).to.equal(204);
    expect(written.headers.has("content-length")).to.equal(false);
    expect(written.headers.get("x-dynamo-context")).to.match(/^[A-Za-z0-9_-]+$/);
    const read = await send(request("GET", "/v1/kv/carts/alice?r=3"));
    expect(read.status).to.equal(200);
    expect(read.body.toString("latin1")).to.equal("\x00\xff value");
    expect(Object.fromEntries(read.headers)).to.include({
      "content-type": "text/plain",
      "content-length": "8",
      "cache-control": "no-store",
      "x-dynamo-owners": "3/3",
      "x-dynamo-modified": "2023-11-14T22:13:20.123Z",
    });
  });

  it("shows two blind puts as siblings with one context, which a third put resolves", async () => {
    await send(request("PUT", "/v1/kv/b/siblings", ["Content-Type: text/a"], "one"));
    await send(request("PUT", "/v1/kv/b/siblings", ["Content-Type: text/b"], "two"));
    const both = await send(request("GET", "/v1/kv/b/siblings"));
    expect([both.status, both.headers.get("content-type")]).to.deep.equal([300, "application/json"]);
    const modified = "2023-11-14T22:13:20.123Z";
    expect(JSON.parse(both.body.toString())).to.deep.equal({
      siblings: [
        { value: Buffer.from("one").toString("base64"), contentType: "text/a", modified },
        { value: Buffer.from("two").toString("base64"), contentType: "text/b", modified },
      ],
    });
    const context = `X-Dynamo-Context: ${both.headers.get("x-dynamo-context")}`;
    expect((await send(request("PUT", "/v1/kv/b/siblings", [context], "three"))).status).to.equal(204);
    expect((await send(request("GET", "/v1/kv/b/siblings"))).body.toString()).to.equal("three");
  });

  it("deletes: 204 with a context, then 404 with one; 204 without one where nothing was", async () => {
    await send(request("PUT", "/v1/kv/b/gone", [], "v"));
    const deleted = await send(request("DELETE", "/v1/kv/b/gone"));
    expect(deleted.status).to.equal(204);
    expect(deleted.headers.has("x-dynamo-context")).to.equal(true);
    const missing = await send(request("GET", "/v1/kv/b/gone"));
    expect([missing.status, errorCode(missing)]).to.deep.equal([404, "key_not_found"]);
    expect(missing.headers.has("x-dynamo-context")).to.equal(true);
    expect(missing.headers.get("x-dynamo-owners")).to.equal("2/3");
    const nothing = await send(request("DELETE", "/v1/kv/b/never-was"));
    expect([nothing.status, nothing.headers.has("x-dynamo-context")]).to.deep.equal([204, false]);
    expect((await send(request("GET", "/v1/kv/b/never-was"))).headers.has("x-dynamo-context")).to.equal(
      false,
    );
  });

  it("answers HEAD with the head of GET and nothing after it", async () => {
    await send(request("PUT", "/v1/kv/b/head", [], "twelve bytes"));
    const connection = new RawConnection(rig);
    connection.write(request("HEAD", "/v1/kv/b/head"));
    const head = await connection.answer({ bodyless: true });
    expect([head.status, head.headers.get("content-length")]).to.deep.equal([200, "12"]);
    connection.write(request("HEAD", "/v1/kv/b/no-head"));
    expect((await connection.answer({ bodyless: true })).status).to.equal(404);
    connection.write(request("GET", "/v1/kv/b/head"));
    expect((await connection.answer()).body.toString()).to.equal("twelve bytes");
    connection.destroy();
  });

  it("hands the coordinator exactly what the request says", async () => {
    const line = "/v1/kv/%ff%00/a%2Fb?r=1&w=2&pr=1&pw=3&timeout_ms=90000";
    await send(request("PUT", line, ["X-Dynamo-Request-Id: mine"], "v"));
    const { bucket, key, options, requestId, contentType, context } = rig.service.puts.at(-1)!;
    expect([...bucket, ...key]).to.deep.equal([0xff, 0, 0x61, 0x2f, 0x62]);
    expect(options).to.deep.equal({ r: 1, w: 2, pr: 1, pw: 3, timeoutMs: 60_000 });
    expect([requestId, contentType, context.length]).to.deep.equal(["mine", "application/octet-stream", 0]);
    await send(request("DELETE", "/v1/kv/b/k"));
    expect(rig.service.deletes.at(-1)!.context).to.equal(undefined);
  });

  it("puts chunked bodies together, and bodies up to the limit", async () => {
    const head = request("PUT", "/v1/kv/b/chunked", ["Transfer-Encoding: chunked"]);
    expect((await send(`${head}3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n`)).status).to.equal(204);
    expect((await send(request("GET", "/v1/kv/b/chunked"))).body.toString()).to.equal("abcdefg");
    const longest = "m".repeat(1024 * 1024);
    expect((await send(request("PUT", "/v1/kv/b/longest", [], longest))).status).to.equal(204);
    expect((await send(request("GET", "/v1/kv/b/longest"))).body.length).to.equal(longest.length);
  });

  it("maps each failure to its status, and says of each 503 whether it may have been applied", async () => {
    const statuses: Record<FailureCode, number> = {
      invalid_context: 400,
      context_mismatch: 400,
      invalid_quorum: 400,
      too_many_siblings: 409,
      key_collision: 409,
      record_too_large: 413,
      no_ring: 503,
      overloaded: 503,
      read_only: 503,
      quorum_unreachable: 503,
      coordinator_lost: 503,
      storage_failed: 503,
    };
    for (const [code, status] of Object.entries(statuses) as [FailureCode, number][]) {
      rig.service.failure = { ...failed(code, "why", true), context: new Uint8Array([1, 2, 3]) };
      const put = await send(request("PUT", "/v1/kv/b/k", [], "v"));
      expect([put.status, errorCode(put)]).to.deep.equal([status, code]);
      expect(put.headers.get("x-dynamo-context")).to.equal("AQID");
      const { error } = JSON.parse(put.body.toString()) as { error: { maybeApplied?: boolean } };
      expect(error.maybeApplied).to.equal(status === 503 ? true : undefined);
      expect(put.headers.has("retry-after")).to.equal(status === 503);
      const get = await send(request("GET", "/v1/kv/b/k"));
      const read = JSON.parse(get.body.toString()) as { error: { maybeApplied?: boolean } };
      expect(read.error.maybeApplied, "a read applies nothing").to.equal(status === 503 ? false : undefined);
    }
  });

  it("answers 500 with maybeApplied, and lives on, when the coordinator breaks its promise", async () => {
    rig.service.gate = Promise.reject(new Error("planted"));
    rig.service.gate.catch(() => {});
    const put = await send(request("PUT", "/v1/kv/b/k", [], "v"));
    rig.service.gate = undefined;
    expect([put.status, errorCode(put)]).to.deep.equal([500, "internal_error"]);
    expect(put.body.toString()).to.include('"maybeApplied":true').and.not.include("planted");
    expect(rig.observed).to.include("failed Error: planted");
    expect((await send(request("PUT", "/v1/kv/b/k", [], "v"))).status).to.equal(204);
    expect(rig.server.load()).to.include({ requests: 0, bodyBytes: 0 });
  });

  it("serves the routing table, 503 without a ring, 405 for other methods", async () => {
    expect((await send(request("GET", "/v1/ring"))).status).to.equal(503);
    const table = {
      clusterId: "c",
      epoch: 1,
      hash: "00",
      partitions: 8,
      replicas: 1,
      members: [],
      owners: [],
    };
    rig.routingTable = table;
    const answer = await send(request("GET", "/v1/ring"));
    expect(answer.status).to.equal(200);
    expect(JSON.parse(answer.body.toString())).to.deep.equal(table);
    expect(answer.headers.get("cache-control")).to.equal("no-store");
    expect(answer.headers.has("x-powered-by")).to.equal(false);
    const post = await send(request("POST", "/v1/ring"));
    expect([post.status, post.headers.get("allow")]).to.deep.equal([405, "GET, HEAD"]);
    expect((await send(request("GET", "/v1/ring/"))).status).to.equal(404);
  });

  describe("bad input", () => describeBadInput(() => rig));
});
