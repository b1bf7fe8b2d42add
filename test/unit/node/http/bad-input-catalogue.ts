import { expect } from "chai";
import { describeBodies, describeFraming } from "./bad-input-bodies.ts";
import { exchange, type RawAnswer, type RawTarget, request } from "./raw-http.ts";

/**
 * Bad input, row by row, over raw sockets: each test sends what a broken or hostile client might and says what comes
 * back. It knows nothing of what is behind the port, so it runs against a server in this process and against a real
 * node alike. After each row the node must still serve. Rows about slow clients are the caller's: they need limits
 * of their own.
 */
const NAME = "/v1/kv/bad-input/";

export function describeBadInput(target: () => RawTarget): void {
  const send = (data: string | Uint8Array): Promise<RawAnswer> => exchange(target(), data);

  async function refuses(data: string | Uint8Array, status: number, code?: string): Promise<void> {
    const answer = await send(data);
    expect(answer.status, answer.body.toString("latin1")).to.equal(status);
    expect(answer.headers.get("content-type")).to.equal("application/json");
    expect(answer.headers.get("cache-control")).to.equal("no-store");
    const parsed = JSON.parse(answer.body.toString("utf8")) as { error: Record<string, unknown> };
    expect(parsed.error).to.include.keys("code", "message", "requestId");
    expect(answer.headers.get("x-dynamo-request-id")).to.equal(parsed.error["requestId"]);
    if (code !== undefined) expect(parsed.error["code"]).to.equal(code);
  }

  afterEach("the node still serves", async () => {
    expect((await send(request("PUT", `${NAME}alive`, [], "x"))).status).to.be.oneOf([204, 409]);
    expect((await send(request("GET", `${NAME}alive`))).status).to.be.oneOf([200, 300]);
  });

  describeTargets(send, refuses);
  describeBodies(target, send, refuses);
  describeFraming(target, refuses);
  describeHeaders(send, refuses);
  describeContexts(send, refuses);
}

export type Send = (data: string | Uint8Array) => Promise<RawAnswer>;
export type Refuses = (data: string | Uint8Array, status: number, code?: string) => Promise<void>;

function describeTargets(send: Send, refuses: Refuses): void {
  const roundTrips = async (key: string, value: string): Promise<void> => {
    const found = await send(request("GET", NAME + key));
    const context = found.headers.get("x-dynamo-context");
    const seen = context === undefined ? [] : [`X-Dynamo-Context: ${context}`];
    expect((await send(request("PUT", NAME + key, seen, value))).status).to.equal(204);
    expect((await send(request("GET", NAME + key))).body.toString("latin1")).to.equal(value);
  };

  it("row 1: a key with a broken escape is 400 invalid_key", async () => {
    for (const key of ["%zz", "%", "a%2", "%%41"])
      await refuses(request("GET", NAME + key), 400, "invalid_key");
    await refuses(request("GET", "/v1/kv/%zz/k"), 400, "invalid_bucket");
  });

  it("row 2: escapes that are no UTF-8 are legal bytes of a key and kept apart", async () => {
    const keys = ["%ff", "%c0%af", "%ed%a0%80", "%C3%28"];
    for (const key of keys) await roundTrips(key, `value of ${key}`);
    for (const key of keys)
      expect((await send(request("GET", NAME + key))).body.toString()).to.equal(`value of ${key}`);
  });

  it("row 3: raw bytes beyond ASCII in the target are 400", async () => {
    await refuses(request("GET", `${NAME}caf\u00c3\u00a9`), 400);
  });

  it("row 4: a NUL is a legal byte of a key and distinct from none", async () => {
    await roundTrips("nul%00", "with");
    await roundTrips("nul", "without");
    expect((await send(request("GET", `${NAME}nul%00`))).body.toString()).to.equal("with");
  });

  it("row 5: dots and escaped slashes are opaque", async () => {
    for (const key of ["%2e%2e%2fx", "..", ".", "a%2Fb", "..%2f..%2fetc%2fpasswd"])
      await roundTrips(key, key);
    expect((await send(request("GET", `${NAME}x`))).status).to.equal(404);
  });

  it("row 6: empty names, extra slashes and other spellings of the path are refused", async () => {
    await refuses(request("GET", "/v1/kv//x"), 400, "invalid_bucket");
    await refuses(request("GET", "/v1/kv/x/"), 400, "invalid_key");
    for (const path of [
      "/v1/kv/x",
      "/v1/kv/x/y/",
      "/v1/kv/x/y/z",
      "/V1/kv/x/y",
      "/v1/KV/x/y",
      "/kv/x/y",
      "//v1/kv/x/y",
    ]) {
      await refuses(request("GET", path), 404, "not_found");
    }
  });

  it("row 7: a key over 1 KiB is 400, a bucket over 255 bytes too, a head over 104 KiB is 431", async () => {
    await roundTrips("k".repeat(1024), "longest");
    await roundTrips("%01".repeat(1024), "longest, escaped");
    await refuses(request("GET", NAME + "k".repeat(1025)), 400, "invalid_key");
    await refuses(request("GET", NAME + "%6b".repeat(1025)), 400, "invalid_key");
    await refuses(request("GET", `/v1/kv/${"b".repeat(256)}/k`), 400, "invalid_bucket");
    await refuses(request("GET", NAME + "k".repeat(107_000)), 431);
  });

  it("row 17: a target in absolute form is 400", async () => {
    await refuses(request("GET", `http://elsewhere${NAME}k`), 400, "invalid_target");
    await refuses(request("OPTIONS", "*"), 400, "invalid_target");
  });

  it("row 22: other methods are 405 with Allow, other protocols 400", async () => {
    for (const method of ["POST", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]) {
      await refuses(request(method, `${NAME}k`), 405, "method_not_allowed");
    }
    const answer = await send(request("POST", `${NAME}k`));
    expect(answer.headers.get("allow")).to.equal("GET, HEAD, PUT, DELETE");
    await refuses(request("CONNECT", "elsewhere:443"), 405);
    await refuses(request("FOO", `${NAME}k`), 400);
    await refuses(
      request("GET", `${NAME}k`, ["Connection: Upgrade", "Upgrade: websocket"]),
      400,
      "invalid_request",
    );
  });

  it("row 38: admin paths are 404 here", async () => {
    for (const path of ["/admin/v1/status", "/admin/v1/ring", "/metrics", "/livez", "/readyz", "/"]) {
      await refuses(request("GET", path), 404, "not_found");
    }
    await refuses(
      request("POST", "/admin/v1/ring/form", ["Content-Type: application/json"], "{}"),
      404,
      "not_found",
    );
  });

  it("rows 24, 26, 27: quorums and timeouts that make no sense are 400", async () => {
    for (const value of [
      "0",
      "-1",
      "1.5",
      "1e9",
      "NaN",
      "",
      "2x",
      "+2",
      "%32",
      "8",
      "99999999999999999999",
    ]) {
      for (const name of ["r", "w", "pr", "pw"]) {
        await refuses(request("GET", `${NAME}k?${name}=${value}`), 400, "invalid_quorum");
      }
    }
    await refuses(request("GET", `${NAME}k?r=2&r=2`), 400, "invalid_quorum");
    await refuses(request("GET", `${NAME}k?r=7`), 400, "invalid_quorum");
    await refuses(request("PUT", `${NAME}k?w=7`, [], "v"), 400, "invalid_quorum");
    for (const value of ["0", "-1", "1.5", "1e12", "", "forever"]) {
      await refuses(request("GET", `${NAME}k?timeout_ms=${value}`), 400, "invalid_timeout");
    }
    for (const query of ["R=1", "rr=1", "x", "&", "r=1&", "r=1;w=1".replace("r=1;", "z;")]) {
      await refuses(request("GET", `${NAME}k?${query}`), 400, "invalid_query");
    }
    expect((await send(request("GET", `${NAME}k?r=1&timeout_ms=1000000000000`))).status).to.be.oneOf([
      200, 300, 404,
    ]);
  });
}

function describeHeaders(send: Send, refuses: Refuses): void {
  it("row 23: a Content-Type is stored as it is, within limits, and values are served nosniff", async () => {
    const odd = 'not a type; at all="<b>"';
    const name = `${NAME}typed-${Date.now()}`;
    expect((await send(request("PUT", name, [`Content-Type: ${odd}`], "<script>"))).status).to.equal(204);
    const answer = await send(request("GET", name));
    expect(answer.headers.get("content-type")).to.equal(odd);
    expect(answer.headers.get("x-content-type-options")).to.equal("nosniff");
    expect(answer.headers.get("content-security-policy")).to.equal("sandbox");
    const untyped = `${NAME}untyped-${Date.now()}`;
    expect((await send(request("PUT", untyped, [], "v"))).status).to.equal(204);
    expect((await send(request("GET", untyped))).headers.get("content-type")).to.equal(
      "application/octet-stream",
    );
    const put = (type: string): string => request("PUT", `${NAME}k`, [`Content-Type: ${type}`], "v");
    await refuses(put("t".repeat(256)), 400, "invalid_content_type");
    await refuses(put("text/pl\u00e4in"), 400, "invalid_content_type");
  });

  it("row 34: conditional requests are refused, not ignored", async () => {
    for (const header of [
      "If-None-Match: *",
      'If-Match: "x"',
      "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
    ]) {
      await refuses(request("PUT", `${NAME}conditional`, [header], "v"), 400, "precondition_unsupported");
      await refuses(request("GET", `${NAME}conditional`, [header]), 400, "precondition_unsupported");
    }
    expect((await send(request("GET", `${NAME}conditional`))).status).to.equal(404);
  });

  it("a Content-Encoding or a Content-Range would be lost, so it is refused", async () => {
    await refuses(request("PUT", `${NAME}k`, ["Content-Encoding: gzip"], "v"), 415, "encoding_unsupported");
    await refuses(request("PUT", `${NAME}k`, ["Content-Range: bytes 0-0/2"], "v"), 400, "invalid_request");
  });

  it("a request id is 1 to 64 printable characters and comes back; without one the node makes one", async () => {
    const id = "!~id".padEnd(64, "x");
    const answer = await send(request("GET", `${NAME}k`, [`X-Dynamo-Request-Id: ${id}`]));
    expect(answer.headers.get("x-dynamo-request-id")).to.equal(id);
    expect((await send(request("GET", `${NAME}k`))).headers.get("x-dynamo-request-id")).to.match(
      /^[0-9a-f-]{36}$/,
    );
    for (const bad of ["", "x".repeat(65), "a b", "caf\u00e9", "a\tb"]) {
      await refuses(request("GET", `${NAME}k`, [`X-Dynamo-Request-Id: ${bad}`]), 400, "invalid_request_id");
      await refuses(request("GET", "/v1/ring", [`X-Dynamo-Request-Id: ${bad}`]), 400, "invalid_request_id");
    }
    const twice = ["X-Dynamo-Request-Id: a", "X-Dynamo-Request-Id: b"];
    await refuses(request("GET", `${NAME}k`, twice), 400, "invalid_request_id");
  });

  it("an offer of HTTP/2 is left unanswered and the next request on the connection still served", async () => {
    const offer = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"];
    expect((await send(request("GET", `${NAME}h2c`, offer))).status).to.equal(404);
    expect((await send(request("PUT", `${NAME}h2c-put`, offer, "v"))).status).to.equal(204);
  });
}

function describeContexts(send: Send, refuses: Refuses): void {
  const put = (key: string, context?: string, value = "v"): string =>
    request("PUT", NAME + key, context === undefined ? [] : [`X-Dynamo-Context: ${context}`], value);

  const contextOf = async (key: string): Promise<string> => {
    const answer = await send(put(key));
    expect(answer.status).to.equal(204);
    return answer.headers.get("x-dynamo-context")!;
  };

  it("row 28: a context that is no base64url, or cut short, or of another version is 400 invalid_context", async () => {
    const context = await contextOf("context-28");
    const bytes = Buffer.from(context, "base64url");
    const version = Buffer.from(bytes);
    version[0] = 9;
    const texts = [
      "",
      "*",
      "a",
      "a=b",
      `${context}=`,
      `${context}!`,
      context.slice(0, 8),
      version.toString("base64url"),
    ];
    for (const text of texts) await refuses(put("context-28", text), 400, "invalid_context");
  });

  it("rows 28, 30: no bit of a context can be changed, so no counter can be forged", async () => {
    const context = await contextOf("context-30");
    const bytes = Buffer.from(context, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await refuses(put("context-30", flipped.toString("base64url")), 400);
    }
  });

  it("row 29: another key's context is 400 context_mismatch", async () => {
    await refuses(put("context-29b", await contextOf("context-29a")), 400, "context_mismatch");
    expect((await send(request("GET", `${NAME}context-29b`))).status).to.equal(404);
  });

  it("row 31: a valid old context is accepted and makes a sibling", async () => {
    const old = await contextOf("context-31");
    expect((await send(put("context-31", old, "one"))).status).to.equal(204);
    expect((await send(put("context-31", old, "two"))).status).to.equal(204);
    expect((await send(request("GET", `${NAME}context-31?r=3`))).status).to.equal(300);
  });

  it("row 32: a context over 88 KiB is 400", async () => {
    await refuses(put("context-32", "A".repeat(88 * 1024 + 4)), 400, "invalid_context");
    await refuses(put("context-32", "A".repeat(88 * 1024)), 400, "invalid_context");
  });

  it("row 33: siblings end at 100 with 409, and can then be resolved", async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 101; i++) statuses.push((await send(put("crowded", undefined, `v${i}`))).status);
    expect(statuses.slice(0, 100).every((status) => status === 204)).to.equal(true);
    expect(statuses[100]).to.equal(409);
    const crowd = await send(request("GET", `${NAME}crowded?r=3`));
    expect(crowd.status).to.equal(300);
    const resolved = await send(put("crowded", crowd.headers.get("x-dynamo-context"), "one"));
    expect(resolved.status).to.equal(204);
    expect((await send(request("GET", `${NAME}crowded?r=3`))).body.toString()).to.equal("one");
  });

  it("row 35: a delete with a stale context leaves newer siblings", async () => {
    const stale = await contextOf("deleted");
    expect((await send(put("deleted", stale, "newer"))).status).to.equal(204);
    const remove = request("DELETE", `${NAME}deleted`, [`X-Dynamo-Context: ${stale}`]);
    expect((await send(remove)).status).to.equal(204);
    expect((await send(request("GET", `${NAME}deleted?r=3`))).body.toString()).to.equal("newer");
  });
}
