import { expect } from "chai";
import { type ChildProcess, spawn } from "node:child_process";
import http from "node:http";
import { copyListener } from "../../../../node/http/listener-copies.ts";
import { listen, trackConnections } from "../../../../node/http/listener.ts";
import { HttpRig } from "./http-rig.ts";
import { exchange, RawConnection, request } from "./raw-http.ts";

const until = async (holds: () => boolean): Promise<void> => {
  for (let i = 0; i < 2_000 && !holds(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(holds()).to.equal(true);
};

/** Another process that opens connections and holds them: this one is too busy to. */
function clients(port: number, count: number): ChildProcess {
  const script = `for (let i = 0; i < ${count}; i++) require("net").connect(${port}, "127.0.0.1")`;
  return spawn(process.execPath, ["-e", script], { stdio: "ignore" });
}

/** The most connections that one turn of a busy loop took in, while others waited. */
async function takenInATurn(listeners: number): Promise<number> {
  const server = http.createServer();
  const connections = trackConnections(server);
  const { port } = await listen(server, { host: "127.0.0.1", port: 0 });
  const options = { copies: listeners - 1, connections, connectionsMax: 1_000 };
  const copies = listeners === 1 ? [] : await copyListener(server, options);
  const client = clients(port, 40);
  let most = 0;
  for (let before = 0; connections.size < 40; before = connections.size) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, connections.size - before);
    // The kernel goes on with handshakes meanwhile.
    const busyUntil = performance.now() + 5;
    while (performance.now() < busyUntil);
  }
  client.kill("SIGKILL");
  for (const listener of [server, ...copies]) listener.close();
  return most;
}

describe("copies of a listener", () => {
  let rig: HttpRig | undefined;

  async function start(listeners: number, connectionsMax = 1_000): Promise<HttpRig> {
    const started = new HttpRig({ connectionsMax }, listeners);
    rig = started;
    await started.start();
    await until(() => started.observed.includes(`listening ${listeners}/${listeners}`));
    return started;
  }

  afterEach(() => rig?.stop());

  it("take in as many connections a turn as there are listeners; one alone takes one", async () => {
    expect(await takenInATurn(1)).to.equal(1);
    expect(await takenInATurn(4)).to.equal(4);
  });

  it("serve like the first, and end with it", async () => {
    const served = await start(3);
    for (let i = 0; i < 12; i++)
      expect((await exchange(served, request("GET", "/v1/kv/b/none"))).status).to.equal(404);
    const idle = Array.from({ length: 12 }, () => new RawConnection(served));
    await served.stop();
    for (const connection of idle) await connection.closed(1_000);
    await new RawConnection(served).closed(1_000);
  });

  it("share one bound on connections", async () => {
    const served = await start(4, 10);
    const opened = Array.from({ length: 30 }, () => new RawConnection(served));
    await until(() => served.observed.filter((line) => line === "refused connections_max").length === 20);
    for (const connection of opened) connection.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await exchange(served, request("GET", "/v1/kv/b/none"))).status).to.equal(404);
  });
});
