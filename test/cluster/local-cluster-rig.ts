import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startNode } from "../../client/local/node-process.ts";
import { localNodes, type LocalNode } from "../../client/local/local-layout.ts";

/**
 * A real local cluster, started by the real command in a directory and on ports of its own, so that it stands beside
 * whatever else runs on the machine.
 */
const MAIN = fileURLToPath(new URL("../../client/cli/main.js", import.meta.url));

export interface CommandRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `dynamokv` as a process of its own. `env` is added to our environment; nodes that it starts inherit it. */
export function dynamokv(
  args: readonly string[],
  { stdin = "", env = {} }: { stdin?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<CommandRun> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (bytes: Buffer) => (out += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (err += bytes.toString()));
  child.stdin.end(stdin);
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}

export class LocalClusterRig {
  readonly directory = mkdtempSync(path.join(os.tmpdir(), "dynamokv-cluster-"));
  /** Below the range that the system gives to outgoing connections. */
  readonly portOffset = 10 * randomInt(1_000, 2_000);

  up(...more: string[]): Promise<CommandRun> {
    return this.upWith({}, ...more);
  }

  upWith(env: Readonly<Record<string, string>>, ...more: string[]): Promise<CommandRun> {
    const offset = ["--port-offset", String(this.portOffset)];
    return dynamokv(["local", "up", "--dir", this.directory, ...offset, ...more], { env });
  }

  local(command: string, ...more: string[]): Promise<CommandRun> {
    return dynamokv(["local", command, "--dir", this.directory, ...more]);
  }

  /** A command of the client, pointed at the first `count` nodes. */
  command(count: number, args: readonly string[], options: { stdin?: string } = {}): Promise<CommandRun> {
    const nodes = this.nodes(count);
    const at = (port: "client" | "admin"): string => nodes.map((node) => `http://${node[port]}`).join(",");
    const to = ["--endpoint", at("client"), "--admin", at("admin")];
    return dynamokv([...args, ...to, "--secret-file", path.join(this.directory, "cluster-secret")], options);
  }

  nodes(count: number): LocalNode[] {
    return localNodes(this.directory, { nodes: count, portOffset: this.portOffset });
  }

  /** Starts one of `nodes` as `up` would with this `env`; the others stay as they are. */
  startAlone(node: LocalNode, nodes: readonly LocalNode[], env: Readonly<Record<string, string>>): void {
    const flags: Record<string, string> = {
      "data-dir": node.dataDirectory,
      "client-listen": node.client,
      "admin-listen": node.admin,
      "peer-listen": node.peer,
      seeds: nodes.map(({ peer }) => peer).join(","),
      "cluster-secret-file": path.join(this.directory, "cluster-secret"),
    };
    for (const [name, value] of Object.entries(env))
      flags[name.replace("DYNAMO_", "").toLowerCase().replaceAll("_", "-")] = value;
    startNode(
      node,
      Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
    );
  }

  async remove(): Promise<void> {
    await this.local("wipe");
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Throws with all that the command said, unless it ended with `code`. */
export function expectCode(run: CommandRun, code: number): CommandRun {
  if (run.code !== code) throw new Error(`exit code ${run.code} instead of ${code}\n${run.out}\n${run.err}`);
  return run;
}
