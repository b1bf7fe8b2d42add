import { expect } from "chai";
import { DynamoClient, type DynamoClientOptions } from "../../../client/dynamo-client.ts";
import { DynamoError } from "../../../client/dynamo-error.ts";
import { jsonOf, type Sibling } from "../../../client/value.ts";
import {
  errorAnswer,
  noValue,
  oneValue,
  ScriptedServer,
  severalValues,
  written,
  type Script,
} from "./scripted-server.ts";

const servers: ScriptedServer[] = [];
const clients: DynamoClient[] = [];

async function serve(script: Script): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(script);
  servers.push(server);
  return server;
}

function connect(options: Omit<DynamoClientOptions, "endpoints">, ...to: ScriptedServer[]): DynamoClient {
  const client = new DynamoClient({ endpoints: to.map((server) => server.endpoint), ...options });
  clients.push(client);
  return client;
}

async function failureOf(promise: Promise<unknown>): Promise<DynamoError> {
  try {
    await promise;
  } catch (error) {
    expect(error).to.be.instanceOf(DynamoError);
    return error as DynamoError;
  }
  throw new Error("it did not fail");
}

function union(siblings: readonly Sibling[]): string[] {
  return [...new Set(siblings.flatMap((sibling) => jsonOf(sibling) as string[]))].sort();
}

describe("DynamoClient", () => {
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  describe("reads", () => {
    it("answers the value with its content type, time and context", async () => {
      const client = connect({}, await serve(() => oneValue('{"a":1}')));
      const entry = await client.get("carts", "alice");
      expect(entry.exists).to.equal(true);
      expect(entry.json()).to.deep.equal({ a: 1 });
      expect(entry.text()).to.equal('{"a":1}');
      expect(entry.context).to.equal("after-read");
      expect(entry.owners).to.deep.equal({ answered: 2, total: 3 });
      expect(entry.siblings[0]).to.include({ contentType: "application/json" });
      expect(entry.siblings[0]?.modified?.toISOString()).to.equal("2026-01-02T03:04:05.678Z");
    });

    it("keeps the context of a deleted key beside no value", async () => {
      const client = connect({}, await serve(() => noValue("of-tombstone")));
      const entry = await client.get("carts", "alice");
      expect([entry.exists, entry.current, entry.context]).to.deep.equal([false, undefined, "of-tombstone"]);
    });

    it("never takes a stranger's 404 for a missing key", async () => {
      const plain = connect({}, await serve(() => ({ status: 404, body: "nothing here" })));
      expect((await failureOf(plain.get("carts", "alice"))).code).to.equal("bad_answer");
      const adminPort = connect({}, await serve(() => errorAnswer(404, { code: "not_found" })));
      expect((await failureOf(adminPort.get("carts", "alice"))).code).to.equal("not_found");
    });

    it("shows all siblings and refuses to pick one without a resolver", async () => {
      const client = connect({}, await serve(() => severalValues('["a"]', '["b"]')));
      const entry = await client.get("carts", "alice");
      expect(entry.conflicted).to.equal(true);
      expect(entry.siblings.map(jsonOf)).to.deep.equal([["a"], ["b"]]);
      expect(() => entry.json()).to.throw(DynamoError, /2 concurrent values/);
    });

    it("merges siblings with the client's resolver", async () => {
      const client = connect({ resolve: union }, await serve(() => severalValues('["b"]', '["a"]')));
      const entry = await client.get("carts", "alice");
      expect(entry.json()).to.deep.equal(["a", "b"]);
      expect(entry.siblings).to.have.length(2);
    });

    it("asks for quorums and gives the node less time than it waits itself", async () => {
      const server = await serve(() => oneValue("1"));
      await connect({ timeoutMs: 1_000 }, server).get("b", "k", { r: 3, pr: 2 });
      const query = new URLSearchParams(server.seen[0]?.target.split("?")[1]);
      expect([query.get("r"), query.get("pr"), query.has("w")]).to.deep.equal(["3", "2", false]);
      expect(Number(query.get("timeout_ms"))).to.be.within(1, 999);
    });

    it("addresses the keys '.' and '..' and bytes that are no text", async () => {
      const server = await serve(() => oneValue("1"));
      const client = connect({}, server);
      await client.get(".", "..");
      await client.get("a/b", Uint8Array.of(0xff, 0x00));
      const paths = server.seen.map((request) => request.target.split("?")[0]);
      expect(paths).to.deep.equal(["/v1/kv/%2E/%2E%2E", "/v1/kv/a%2Fb/%FF%00"]);
    });
  });

  describe("writes", () => {
    it("sends an entry's context and answers an entry that can be put again", async () => {
      const server = await serve((request) => (request.method === "GET" ? oneValue("[]") : written));
      const client = connect({}, server);
      const read = await client.get("carts", "alice");
      const first = await client.put(read, ["book"]);
      await client.put(first, ["book", "pen"]);
      const contexts = server.seen.map((request) => request.headers["x-dynamo-context"]);
      expect(contexts).to.deep.equal([undefined, "after-read", "after-write"]);
      expect(first.json()).to.deep.equal(["book"]);
    });

    it("sends no context with a blind put", async () => {
      const server = await serve(() => written);
      await connect({}, server).putBlind("carts", "alice", "x");
      expect(server.seen[0]?.headers).not.to.have.property("x-dynamo-context");
    });

    it("stores bytes, text and JSON under their content types", async () => {
      const server = await serve(() => written);
      const client = connect({}, server);
      await client.putBlind("b", "k", Uint8Array.of(1, 2));
      await client.putBlind("b", "k", "grüß");
      await client.putBlind("b", "k", { a: [1, null] });
      await client.putBlind("b", "k", "<p>", { contentType: "text/html" });
      expect(server.seen.map((request) => request.headers["content-type"])).to.deep.equal([
        "application/octet-stream",
        "text/plain; charset=utf-8",
        "application/json",
        "text/html",
      ]);
      expect(server.seen.slice(1, 3).map((request) => request.body.toString())).to.deep.equal([
        "grüß",
        '{"a":[1,null]}',
      ]);
    });

    it("deletes by entry with its context and by name without one", async () => {
      const server = await serve((request) => (request.method === "GET" ? oneValue("1") : written));
      const client = connect({}, server);
      await client.delete(await client.get("b", "k"), { w: 3 });
      const removed = await client.delete("b", "k");
      const [, byEntry, byName] = server.seen;
      expect(byEntry?.headers["x-dynamo-context"]).to.equal("after-read");
      expect(byEntry?.target).to.match(/w=3/);
      expect(byName?.headers).not.to.have.property("x-dynamo-context");
      expect([removed.exists, removed.context]).to.deep.equal([false, "after-write"]);
    });

    it("update reads, resolves, changes and writes with the context of all siblings", async () => {
      const server = await serve((request) =>
        request.method === "GET" ? severalValues('["a"]', '["b"]') : written,
      );
      const client = connect({ resolve: union }, server);
      await client.update("carts", "alice", (current) => [...(jsonOf(current!) as string[]), "c"]);
      expect(server.seen[1]?.body.toString()).to.equal('["a","b","c"]');
      expect(server.seen[1]?.headers["x-dynamo-context"]).to.equal("of-all");
    });

    it("update of a missing key starts from undefined, and writes nothing when told nothing", async () => {
      const server = await serve(() => noValue());
      const entry = await connect({}, server).update("carts", "alice", (current) => {
        expect(current).to.equal(undefined);
        return undefined;
      });
      expect([entry.exists, server.seen.length]).to.deep.equal([false, 1]);
    });

    it("refuses what it cannot send before sending anything", async () => {
      const server = await serve(() => written);
      const client = connect({}, server);
      const cycle: Record<string, unknown> = {};
      cycle["self"] = cycle;
      const failures = [
        await failureOf(client.putBlind("", "k", "v")),
        await failureOf(client.putBlind("b", "", "v")),
        await failureOf(client.putBlind("b", "\ud800", "v")),
        await failureOf(client.putBlind("b", "k", cycle)),
      ];
      expect(failures.map((failure) => failure.code)).to.deep.equal(Array(4).fill("invalid_argument"));
      expect(server.seen).to.have.length(0);
    });
  });
});
