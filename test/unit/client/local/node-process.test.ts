import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { expect } from "chai";
import { localNode, type LocalNode } from "../../../../client/local/local-layout.ts";
import { runningPid, stopNode } from "../../../../client/local/node-process.ts";
import { isPortFree, portHolder } from "../../../../client/local/port-holder.ts";

describe("local node process", () => {
  let scratch = "";
  let node: LocalNode;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    scratch = mkdtempSync(path.join(os.tmpdir(), "dynamokv-local-"));
    node = localNode(scratch, 1, 0);
    mkdirSync(node.directory);
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    rmSync(scratch, { recursive: true });
  });

  /** A process that waits, with `argument` in its command line. */
  async function waiting(argument: string): Promise<ChildProcess> {
    const script = `console.log("up"); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ["-e", script, argument], { stdio: ["ignore", "pipe", "ignore"] });
    children.push(child);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    return child;
  }

  it("a pid file of a process that no longer exists is stale, and is removed", async () => {
    const child = await waiting(node.dataDirectory);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    writeFileSync(node.pidFile, `${child.pid}\n`);
    expect(await runningPid(node)).to.equal(undefined);
    expect(await stopNode(node)).to.equal("not_running");
    expect(existsSync(node.pidFile)).to.equal(false);
  });

  it("a process of somebody else is never stopped, though the pid file names it", async () => {
    const stranger = await waiting("something else");
    writeFileSync(node.pidFile, `${stranger.pid}\n`);
    expect(await stopNode(node)).to.equal("not_running");
    expect([stranger.exitCode, stranger.signalCode]).to.deep.equal([null, null]);
  });

  it("a pid file with anything but a process number is stale", async () => {
    for (const text of ["", "0", "1", "-1", "x", "99999999999999"]) {
      writeFileSync(node.pidFile, text);
      expect(await runningPid(node), text).to.equal(undefined);
    }
  });

  it("our process is found by its data directory and stopped with SIGTERM", async () => {
    const child = await waiting(node.dataDirectory);
    writeFileSync(node.pidFile, `${child.pid}\n`);
    expect(await runningPid(node)).to.equal(child.pid);
    expect(await stopNode(node)).to.equal("stopped");
    expect(await runningPid(node)).to.equal(undefined);
    expect(existsSync(node.pidFile)).to.equal(false);
  });

  it("a port in use is reported with the process that has it", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await isPortFree(address)).to.equal(false);
    if (process.platform === "linux")
      expect(portHolder(address)).to.match(new RegExp(`^process ${process.pid} `));
    await new Promise((resolve) => server.close(resolve));
    expect(await isPortFree(address)).to.equal(true);
    expect(portHolder(address)).to.equal("another process");
  });
});
