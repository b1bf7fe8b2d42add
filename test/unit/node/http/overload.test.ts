import { expect } from "chai";
import { EventLoopDelay } from "../../../../node/http/event-loop-delay.ts";
import type { HttpLimits } from "../../../../node/http/http-limits.ts";
import { HttpRig } from "./http-rig.ts";
import { errorCode, exchange, RawConnection, request } from "./raw-http.ts";

describe("client port: overload and slow clients", () => {
  let rig: HttpRig | undefined;

  async function start(limits: Partial<HttpLimits>): Promise<HttpRig> {
    rig = new HttpRig(limits);
    await rig.start();
    return rig;
  }

  afterEach(async () => {
    await rig?.stop();
    rig = undefined;
  });

  /** Waits for something that is under way; fails after 5 s. */
  async function until(holds: () => boolean): Promise<void> {
    for (let i = 0; i < 1_000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(holds()).to.equal(true);
  }

  function hold(of: HttpRig): () => void {
    let open = (): void => {};
    of.service.gate = new Promise((resolve) => (open = resolve));
    return open;
  }

  it("turns requests away at once while as many as the limit are under way, then serves again", async () => {
    const served = await start({ requestsMax: 2 });
    const open = hold(served);
    const waiting = [1, 2].map((i) => exchange(served, request("PUT", `/v1/kv/b/${i}`, [], "v")));
    await until(() => served.service.puts.length === 2);
    const shed = await exchange(served, request("PUT", "/v1/kv/b/3", [], "v"));
    expect([shed.status, errorCode(shed)]).to.deep.equal([503, "overloaded"]);
    expect(shed.body.toString()).to.include('"maybeApplied":false');
    expect(Number(shed.headers.get("retry-after"))).to.be.within(1, 3);
    expect((await exchange(served, request("GET", "/v1/kv/b/3"))).status).to.equal(503);
    expect(served.service.puts.length + served.service.gets.length).to.equal(2);
    open();
    expect((await Promise.all(waiting)).map((answer) => answer.status)).to.deep.equal([204, 204]);
    expect((await exchange(served, request("PUT", "/v1/kv/b/3", [], "v"))).status).to.equal(204);
    expect(served.observed).to.include("shed requests");
    expect(served.server.load()).to.include({ requests: 0, bodyBytes: 0 });
  });

  it("turns a body away before it is read while as many bytes as the limit are under way", async () => {
    const served = await start({ bodyBytesMax: 100, valueBytesMax: 100 });
    const slow = new RawConnection(served);
    slow.write(request("PUT", "/v1/kv/b/slow", ["Content-Length: 60"]));
    await until(() => served.server.load().bodyBytes === 60);
    const shed = await exchange(served, request("PUT", "/v1/kv/b/more", ["Content-Length: 41"]));
    expect(errorCode(shed)).to.equal("overloaded");
    const chunked = await exchange(served, request("PUT", "/v1/kv/b/more", ["Transfer-Encoding: chunked"]));
    expect(errorCode(chunked), "counts as the longest value").to.equal("overloaded");
    expect((await exchange(served, request("PUT", "/v1/kv/b/fits", [], "v".repeat(40)))).status).to.equal(
      204,
    );
    slow.destroy();
    await until(() => served.server.load().bodyBytes === 0);
    expect(served.observed).to.include("PUT 0");
  });

  it("turns writes away when they take too long for their number, and goes on serving reads", async () => {
    const served = await start({ delayMsTarget: 20 });
    const put = (i: number) => exchange(served, request("PUT", `/v1/kv/b/${i}`, [], "v"));
    const before = served.server.load().writesLimit;
    for (let round = 0; round < 40 && served.server.load().writesLimit >= before; round++) {
      const open = hold(served);
      const waiting = Array.from({ length: before }, (_, i) => put(i));
      setTimeout(open, 200);
      await Promise.all(waiting);
    }
    expect(served.server.load().writesLimit).to.be.below(before);
    const open = hold(served);
    const waiting = [
      ...Array.from({ length: before }, (_, i) => put(i)),
      exchange(served, request("GET", "/v1/kv/b/none")),
    ];
    await until(() => served.observed.includes("shed delay") && served.service.gets.length === 1);
    const shed = await put(0);
    expect([shed.status, errorCode(shed)]).to.deep.equal([503, "overloaded"]);
    expect(Number(shed.headers.get("retry-after"))).to.be.within(1, 3);
    open();
    await Promise.all(waiting);
    expect(served.observed).not.to.include("GET 503");
  });

  it("sends a refused request's own id back, and no other text of it", async () => {
    const served = await start({ requestsMax: 0 });
    const id = 'a"\\b';
    const shed = await exchange(served, request("PUT", "/v1/kv/b/k", [`X-Dynamo-Request-Id: ${id}`], "v"));
    expect(shed.headers.get("x-dynamo-request-id")).to.equal(id);
    expect((JSON.parse(shed.body.toString()) as { error: { requestId: string } }).error.requestId).to.equal(
      id,
    );
    const bad = await exchange(served, request("PUT", "/v1/kv/b/k", ["X-Dynamo-Request-Id: a b"], "v"));
    expect([bad.status, errorCode(bad)]).to.deep.equal([400, "invalid_request_id"]);
  });

  it("keeps the connection of a small body that was turned away, and drops that body", async () => {
    const served = await start({ requestsMax: 0 });
    const connection = new RawConnection(served);
    connection.write(request("PUT", "/v1/kv/b/k", [], "v".repeat(1000)));
    expect((await connection.answer()).status).to.equal(503);
    connection.write(request("PUT", "/v1/kv/b/k", [], "v"));
    expect((await connection.answer()).status).to.equal(503);
    connection.destroy();
  });

  it("answers 100-continue only after admission", async () => {
    const served = await start({ requestsMax: 0 });
    const head = request("PUT", "/v1/kv/b/k", ["Content-Length: 1", "Expect: 100-continue"]);
    expect((await exchange(served, head)).status).to.equal(503);
  });

  it("row 19: slow headers are 408, and a slow body is 408 and not written", async () => {
    const served = await start({ headersTimeoutMs: 300, requestTimeoutMs: 600 });
    const slowHead = new RawConnection(served);
    slowHead.write("GET /v1/kv/b/k HTTP/1.1\r\nHost: no");
    const slowBody = new RawConnection(served);
    slowBody.write(`${request("PUT", "/v1/kv/b/k", ["Content-Length: 10"])}half`);
    for (const connection of [slowHead, slowBody]) {
      const answer = await connection.answer({ withinMs: 5_000 });
      expect([answer.status, errorCode(answer)]).to.deep.equal([408, "request_timeout"]);
      await connection.closed(2_000);
    }
    expect(served.service.puts).to.deep.equal([]);
    await until(() => served.server.load().requests === 0);
  });

  it("row 20: connections beyond the limit are closed and counted, the others served", async () => {
    const served = await start({ connectionsMax: 3 });
    const idle = [1, 2].map(() => new RawConnection(served));
    const busy = new RawConnection(served);
    busy.write(request("GET", "/v1/kv/b/k"));
    expect((await busy.answer()).status).to.equal(404);
    const beyond = new RawConnection(served);
    await beyond.closed();
    busy.write(request("GET", "/v1/kv/b/k"));
    expect((await busy.answer()).status).to.equal(404);
    expect(served.observed).to.include("refused connections_max");
    for (const connection of [...idle, busy]) connection.destroy();
  });

  it("row 21: one connection cannot take more than its share of the requests under way", async () => {
    const served = await start({ pipelinedRequestsMax: 4 });
    const open = hold(served);
    const connection = new RawConnection(served);
    for (let i = 0; i < 10; i++) connection.write(request("GET", `/v1/kv/b/${i}`));
    await until(() => served.observed.filter((line) => line === "shed pipeline").length >= 1);
    expect(served.service.gets.length).to.equal(4);
    open();
    const statuses: number[] = [];
    for (let i = 0; i < 10; i++) statuses.push((await connection.answer()).status);
    expect(statuses.slice(0, 4)).to.deep.equal([404, 404, 404, 404]);
    expect(statuses[4]).to.equal(503);
    connection.destroy();
  });

  it("on stop lets requests under way finish, closes idle connections, and cuts what lasts too long", async () => {
    const served = await start({});
    const open = hold(served);
    const idle = new RawConnection(served);
    const busy = new RawConnection(served);
    busy.write(request("PUT", "/v1/kv/b/k", [], "v"));
    await until(() => served.service.puts.length === 1);
    const stopped = served.server.stop(5_000);
    await idle.closed(1_000);
    open();
    expect((await busy.answer()).status).to.equal(204);
    await busy.closed(1_000);
    await stopped;
    await new RawConnection(served).closed();
  });

  it("on stop cuts what lasts longer than the grace time", async () => {
    const served = await start({});
    hold(served);
    const busy = new RawConnection(served);
    busy.write(request("GET", "/v1/kv/b/k"));
    await until(() => served.service.gets.length === 1);
    const startMs = performance.now();
    await served.server.stop(100);
    expect(performance.now() - startMs).to.be.within(90, 2_000);
    await busy.closed();
  });
});

describe("event loop delay", () => {
  it("is overload only when several turns in a row were late", () => {
    const delay = new EventLoopDelay(100);
    delay.record(5_000);
    expect([delay.overloaded(), delay.delayMs()]).to.deep.equal([false, 5_000]);
    for (let i = 0; i < 3; i++) delay.record(101);
    expect(delay.overloaded()).to.equal(false);
    delay.record(101);
    expect(delay.overloaded()).to.equal(true);
    delay.record(100);
    expect(delay.overloaded()).to.equal(false);
  });
});
