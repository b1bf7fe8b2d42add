import { expect } from "chai";
import { DynamoClient, type DynamoClientOptions } from "../../../client/dynamo-client.ts";
import { DynamoError } from "../../../client/dynamo-error.ts";
import { errorAnswer, oneValue, ScriptedServer, written, type Script } from "./scripted-server.ts";

/** Failures as an application meets them: which are hidden, how long it takes, and what the last error says. */
describe("DynamoClient: retries", () => {
  const servers: ScriptedServer[] = [];
  const clients: DynamoClient[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  async function serve(script: Script): Promise<ScriptedServer> {
    const server = await ScriptedServer.start(script);
    servers.push(server);
    return server;
  }

  function connect(options: Omit<DynamoClientOptions, "endpoints">, ...endpoints: string[]): DynamoClient {
    const client = new DynamoClient({ endpoints, ...options });
    clients.push(client);
    return client;
  }

  /** A port that was free a moment ago: connections to it are refused. */
  async function refusedEndpoint(): Promise<string> {
    const server = await ScriptedServer.start(() => written);
    const { endpoint } = server;
    await server.stop();
    return endpoint;
  }

  async function failureOf(promise: Promise<unknown>): Promise<DynamoError> {
    try {
      await promise;
    } catch (error) {
      if (error instanceof DynamoError) return error;
      throw error;
    }
    throw new Error("it did not fail");
  }

  it("a put is retried with the same request id and body, and succeeds", async () => {
    const script: Script = (_, count) =>
      count === 1 ? errorAnswer(503, { code: "quorum_unreachable", maybeApplied: true }) : written;
    const server = await serve(script);
    const entry = await connect({}, server.endpoint).putBlind("b", "k", "v");
    const [first, second] = server.seen;
    expect(first?.headers["x-dynamo-request-id"]).to.match(/^[0-9a-f-]{36}$/);
    expect(second?.headers["x-dynamo-request-id"]).to.equal(first?.headers["x-dynamo-request-id"]);
    expect(second?.body.toString()).to.equal("v");
    expect(entry.context).to.equal("after-write");
  });

  it("a retry carries the context that the failed attempt came back with", async () => {
    const script: Script = (_, count) => {
      const context = { "X-Dynamo-Context": `after-attempt-${count}` };
      const failed = { code: "quorum_unreachable", maybeApplied: true };
      return count < 3 ? errorAnswer(503, failed, count < 2 ? {} : context) : written;
    };
    const server = await serve(script);
    await connect({}, server.endpoint).delete("b", "k");
    const contexts = server.seen.map(({ headers }) => headers["x-dynamo-context"]);
    expect(contexts).to.deep.equal([undefined, undefined, "after-attempt-2"]);
  });

  it("the retry goes to another node when one hangs up in the middle", async () => {
    let hungUp = 0;
    const script: Script = () => (hungUp++ === 0 ? "hang_up" : written);
    const [a, b] = [await serve(script), await serve(script)];
    await connect({}, a.endpoint, b.endpoint).putBlind("b", "k", "v");
    expect([a.seen.length, b.seen.length]).to.deep.equal([1, 1]);
    expect(a.seen[0]?.headers["x-dynamo-request-id"]).to.equal(b.seen[0]?.headers["x-dynamo-request-id"]);
  });

  it("a node that is gone costs no call an error, and rests", async () => {
    const alive = await serve(() => oneValue("1"));
    const client = connect({}, await refusedEndpoint(), alive.endpoint);
    for (let i = 0; i < 50; i++) expect((await client.get("b", "k")).text()).to.equal("1");
    expect(alive.seen).to.have.length(50);
  });

  it("a node that has left the ring costs no call an error, and rests", async () => {
    const left = await serve(() =>
      errorAnswer(503, { code: "no_ring", maybeApplied: false }, { "Retry-After": "1" }),
    );
    const alive = await serve(() => oneValue("1"));
    const client = connect({}, left.endpoint, alive.endpoint);
    for (let i = 0; i < 500; i++) expect((await client.get("b", "k")).text()).to.equal("1");
    expect(alive.seen).to.have.length(500);
    expect(left.seen.length).to.be.below(20);
  });

  it("a silent node leaves time to ask another one within the deadline", async () => {
    let asked = 0;
    const script: Script = () => (asked++ === 0 ? "silence" : oneValue("1"));
    const [a, b] = [await serve(script), await serve(script)];
    const startMs = performance.now();
    const entry = await connect({ timeoutMs: 600 }, a.endpoint, b.endpoint).get("b", "k");
    expect(entry.text()).to.equal("1");
    expect(performance.now() - startMs).to.be.lessThan(600);
  });

  it("the deadline holds, whatever the number of retries", async () => {
    const server = await serve(() => "silence");
    const startMs = performance.now();
    const error = await failureOf(
      connect({ timeoutMs: 300, retries: 50 }, server.endpoint).putBlind("b", "k", "v"),
    );
    expect(performance.now() - startMs).to.be.within(250, 900);
    expect([error.code, error.maybeApplied, error.retriable]).to.deep.equal(["timeout", true, true]);
  });

  it("bad input is not retried", async () => {
    const server = await serve(() => errorAnswer(400, { code: "invalid_context" }));
    const error = await failureOf(connect({}, server.endpoint).putBlind("b", "k", "v"));
    expect(server.seen).to.have.length(1);
    expect(error).to.include({ code: "invalid_context", status: 400, maybeApplied: false, retriable: false });
    expect(error).to.include({
      requestId: "r-1",
      endpoint: server.endpoint,
      message: "said invalid_context",
    });
  });

  it("stops after its retries and remembers that an early attempt may have been applied", async () => {
    const script: Script = (_, count) =>
      count === 1
        ? errorAnswer(
            503,
            { code: "quorum_unreachable", maybeApplied: true },
            { "X-Dynamo-Context": "of-the-dot" },
          )
        : errorAnswer(503, { code: "overloaded", maybeApplied: false });
    const server = await serve(script);
    const error = await failureOf(connect({ retries: 2 }, server.endpoint).putBlind("b", "k", "v"));
    expect(server.seen).to.have.length(3);
    expect(error).to.include({
      code: "overloaded",
      maybeApplied: true,
      context: "of-the-dot",
      retriable: true,
    });
    expect(error.message).to.match(/after 3 attempts/);
  });

  it("says that nothing was applied where no connection was made", async () => {
    const error = await failureOf(connect({ retries: 1 }, await refusedEndpoint()).putBlind("b", "k", "v"));
    expect(error).to.include({ code: "unreachable", maybeApplied: false, retriable: true });
    expect(error.status).to.equal(undefined);
  });

  it("a proxy's 502 to a put may have been applied; to a get never", async () => {
    const server = await serve(() => ({ status: 502, body: "bad gateway" }));
    const client = connect({ retries: 0 }, server.endpoint);
    expect((await failureOf(client.putBlind("b", "k", "v"))).maybeApplied).to.equal(true);
    expect((await failureOf(client.get("b", "k"))).maybeApplied).to.equal(false);
  });

  it("waits as long as the only node asked it to", async () => {
    const script: Script = (_, count) =>
      count === 1 ? errorAnswer(503, { code: "overloaded" }, { "Retry-After": "1" }) : written;
    const server = await serve(script);
    const startMs = performance.now();
    await connect({}, server.endpoint).putBlind("b", "k", "v");
    expect(performance.now() - startMs).to.be.greaterThan(950);
  });

  it("an aborted call ends at once and is not retried", async () => {
    const server = await serve(() => "silence");
    const signal = AbortSignal.timeout(50);
    const error = await failureOf(connect({}, server.endpoint).get("b", "k", { signal }));
    expect([error.code, server.seen.length]).to.deep.equal(["aborted", 1]);
  });

  it("the budget stops retries of a client whose calls all fail", async () => {
    const server = await serve(() => errorAnswer(503, { code: "overloaded" }));
    const client = connect({ timeoutMs: 60, retries: 4 }, server.endpoint);
    const calls = 400;
    await Promise.all(Array.from({ length: calls }, () => failureOf(client.get("b", "k"))));
    const before = server.seen.length;
    await Promise.all(Array.from({ length: calls }, () => failureOf(client.get("b", "k"))));
    expect(server.seen.length - before).to.be.at.most(calls * 1.5);
  });

  it("with routing, a key goes to its owners, and elsewhere while they are gone", async () => {
    const owner = await serve(() => oneValue("from owner"));
    const table = {
      partitions: 8,
      members: [{ id: "x", address: owner.endpoint.slice("http://".length), zone: "", reachable: true }],
      owners: Array.from({ length: 8 }, () => [0]),
    };
    const other = await serve((request) =>
      request.target.startsWith("/v1/ring")
        ? { status: 200, body: JSON.stringify(table) }
        : oneValue("from other"),
    );
    const client = connect({ routing: true }, other.endpoint);
    const deadlineMs = performance.now() + 5_000;
    while ((await client.get("b", "k")).text() !== "from owner")
      expect(performance.now()).to.be.lessThan(deadlineMs);
    await owner.stop();
    expect((await client.get("b", "k")).text()).to.equal("from other");
  });
});
