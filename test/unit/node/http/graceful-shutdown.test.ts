import { once } from "node:events";
import http from "node:http";
import { connect } from "node:net";
import { expect } from "chai";
import { shutDownGracefully } from "../../../../node/http/graceful-shutdown.ts";
import { closeGracefully, listen, trackConnections } from "../../../../node/http/listener.ts";
import { HttpRig } from "./http-rig.ts";
import { exchange, RawConnection, request } from "./raw-http.ts";

describe("graceful shutdown", () => {
  it("turns unready, serves on for a while, stops accepting, and only then closes the rest", async () => {
    const rig = new HttpRig();
    await rig.start();
    const steps: string[] = [];
    const done = shutDownGracefully({
      becomeUnready: () => steps.push("unready"),
      serveMs: 200,
      stopClients: async () => {
        steps.push("stopping");
        await rig.server.stop(1_000);
        steps.push("stopped");
      },
      closeRest: () => Promise.resolve(void steps.push("rest")),
    });
    expect(steps).to.deep.equal(["unready"]);
    const served = await exchange(rig, request("PUT", "/v1/kv/b/k", [], "still served"));
    expect([served.status, steps]).to.deep.equal([204, ["unready"]]);
    await done;
    expect(steps).to.deep.equal(["unready", "stopping", "stopped", "rest"]);
    const late = new RawConnection(rig);
    late.write(request("GET", "/v1/kv/b/k"));
    await late.closed();
    expect(late.unread).to.equal("");
  });

  it("tells the client of a request under way that its connection ends with the answer", async () => {
    const rig = new HttpRig();
    await rig.start();
    let open = (): void => {};
    rig.service.gate = new Promise((resolve) => (open = resolve));
    const connection = new RawConnection(rig);
    connection.write(request("PUT", "/v1/kv/b/k", [], "under way"));
    while (rig.service.puts.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const stopped = rig.server.stop(5_000);
    open();
    const answer = await connection.answer();
    expect([answer.status, answer.headers.get("connection")]).to.deep.equal([204, "close"]);
    await stopped;
  });

  it("sends an answer whole to a reader that takes it slowly", async () => {
    const bytes = 32 * 1024 * 1024;
    const server = http.createServer((_request, response) => response.end(Buffer.alloc(bytes)));
    const connections = trackConnections(server);
    const at = await listen(server, { host: "127.0.0.1", port: 0 });
    const reader = connect(at.port, at.host);
    reader.pause();
    reader.write(request("GET", "/"));
    await once(server, "request");
    const closed = closeGracefully(server, connections, 15_000);
    let received = 0;
    reader.on("data", (chunk) => (received += chunk.length));
    // Several looks at idle connections fall into this time.
    setTimeout(() => reader.resume(), 100);
    await once(reader, "close");
    await closed;
    expect(received).to.be.at.least(bytes);
  });
});
