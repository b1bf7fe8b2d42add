import { expect } from "chai";
import { HttpRig } from "./http-rig.ts";
import { RawConnection, request } from "./raw-http.ts";

/** Node's parser dates its answers; what was refused on the socket has no date. */
describe("refusals on the socket", () => {
  let rig: HttpRig;
  let connection: RawConnection;
  let open = (): void => {};

  /** One put is held up by the store, and no more are let in. */
  beforeEach(async () => {
    rig = new HttpRig({ requestsMax: 1 });
    await rig.start();
    rig.service.gate = new Promise((resolve) => (open = resolve));
    const holder = new RawConnection(rig);
    holder.write(request("PUT", "/v1/kv/b/held", [], "v"));
    while (rig.service.puts.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    connection = new RawConnection(rig);
  });

  afterEach(async () => {
    open();
    connection.destroy();
    await rig.stop();
  });

  const put = request("PUT", "/v1/kv/b/k", [], "value");
  const get = request("GET", "/v1/kv/b/k");

  async function dated(text: string): Promise<boolean> {
    connection.write(text);
    const answer = await connection.answer();
    expect(answer.status).to.equal(503);
    expect(Number(answer.headers.get("retry-after"))).to.be.within(1, 3);
    expect(answer.headers.get("x-dynamo-request-id")).to.have.length.above(0);
    expect(JSON.parse(answer.body.toString())).to.have.nested.property("error.maybeApplied", false);
    return answer.headers.has("date");
  }

  /** The first is refused by the parser, the second proves where requests end. */
  async function watched(): Promise<void> {
    expect([await dated(put), await dated(get)]).to.deep.equal([true, true]);
    expect(await dated(put)).to.equal(false);
  }

  it("begin with the third request of a connection, and are counted like any other", async () => {
    await watched();
    const counted = rig.observed.length;
    expect(await dated(get)).to.equal(false);
    expect(rig.observed.slice(counted)).to.deep.equal(["shed requests", "GET 503"]);
  });

  it("end when the node takes requests again", async () => {
    await watched();
    open();
    while (rig.server.load().requests > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    connection.write(put);
    expect((await connection.answer()).status).to.equal(204);
    connection.write(get);
    expect((await connection.answer()).body.toString()).to.equal("value");
  });

  it("send a request's own id back, and leave one that is not valid to the parser", async () => {
    await watched();
    connection.write(request("PUT", "/v1/kv/b/k", ['X-Dynamo-Request-Id: a"\\b'], "v"));
    const answer = await connection.answer();
    expect(answer.headers.get("x-dynamo-request-id")).to.equal('a"\\b');
    expect(JSON.parse(answer.body.toString())).to.have.nested.property("error.requestId", 'a"\\b');
    connection.write(request("PUT", "/v1/kv/b/k", [`X-Dynamo-Request-Id: ${"a".repeat(200)}`], "v"));
    expect((await connection.answer()).status).to.equal(400);
  });

  it("take no body for a request, whatever it spells", async () => {
    await watched();
    connection.write(request("PUT", "/v1/kv/b/k", [`Content-Length: ${get.length}`]));
    expect((await connection.answer()).status).to.equal(503);
    connection.write(get);
    // The next answer belongs to the next request: the body had none.
    connection.write(request("GET", "/v1/kv/b/k", ["X-Dynamo-Request-Id: next"]));
    expect((await connection.answer()).headers.get("x-dynamo-request-id")).to.equal("next");
  });

  it("take no header's value for a request, wherever the network cuts the bytes", async () => {
    await watched();
    connection.write("GET /v1/kv/b/k HTTP/1.1\r\nHost: node\r\nX-Dynamo-Request-Id: first\r\nX-A: ");
    await new Promise((resolve) => setTimeout(resolve, 30));
    connection.write("GET /v1/kv/b/k HTTP/1.1\r\nHost: node\r\n\r\n");
    expect((await connection.answer()).headers.get("x-dynamo-request-id")).to.equal("first");
    // The parser was in the middle of a head: the same lines again prove nothing until it says so.
    expect(await dated(get)).to.equal(true);
    expect(await dated(get)).to.equal(false);
  });

  it("keep the order of answers to requests that came together", async () => {
    await watched();
    const ids = ["1", "2", "3", "4"];
    const [first, ...rest] = ids.map((id) => request("GET", "/v1/kv/b/k", [`X-Dynamo-Request-Id: ${id}`]));
    connection.write(first! + rest[0]!);
    connection.write(rest[1]!);
    connection.write(rest[2]!);
    const seen: (string | undefined)[] = [];
    for (const _ of ids) seen.push((await connection.answer()).headers.get("x-dynamo-request-id"));
    expect(seen).to.deep.equal(ids);
  });

  it("close the connection while the node drains", async () => {
    await watched();
    rig.server.drain();
    connection.write(get);
    const answer = await connection.answer();
    expect([answer.status, answer.headers.get("connection")]).to.deep.equal([503, "close"]);
  });
});
