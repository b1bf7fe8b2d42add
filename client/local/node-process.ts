import { execFile, spawn, type StdioOptions } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ENV } from "../../node/contract/pod-contract.ts";
import type { LocalNode } from "./local-layout.ts";

/**
 * One node of a local cluster as a background process. A pid file alone proves nothing (after a reboot the number
 * belongs to somebody else), so a process counts as ours only if its command line names this node's data directory;
 * nothing else is ever sent a signal.
 */
export async function runningPid(node: LocalNode): Promise<number | undefined> {
  if (!existsSync(node.pidFile)) return undefined;
  const text = readFileSync(node.pidFile, "utf8").trim();
  const pid = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (pid > 1 && (await commandLine(pid)).includes(node.dataDirectory)) return pid;
  return undefined;
}

/** Starts the node with these flags; its output is appended to the log. Its pid is in the pid file when this returns. */
export function startNode(node: LocalNode, flags: readonly string[]): number {
  mkdirSync(node.dataDirectory, { recursive: true });
  if (existsSync(node.logFile) && statSync(node.logFile).size > LOG_BYTES_MAX) {
    renameSync(node.logFile, `${node.logFile}.old`);
  }
  const log = openSync(node.logFile, "a");
  try {
    const options = {
      detached: true,
      env: nodeEnvironment(),
      stdio: ["ignore", log, log] satisfies StdioOptions,
    };
    const child = spawn(process.execPath, [NODE_MAIN, ...flags], options);
    if (child.pid === undefined) throw new Error(`cannot start ${process.execPath} ${NODE_MAIN}`);
    child.unref();
    writeFileSync(node.pidFile, `${child.pid}\n`);
    return child.pid;
  } finally {
    closeSync(log);
  }
}

/** Removes the pid files of nodes that do not run, and answers those nodes. */
export async function clearStale(nodes: readonly LocalNode[]): Promise<LocalNode[]> {
  const pids = await Promise.all(nodes.map(runningPid));
  const dead = nodes.filter((_, i) => pids[i] === undefined);
  for (const node of dead) rmSync(node.pidFile, { force: true });
  return dead;
}

/** SIGTERM, then SIGKILL after the bound. True where a process had to be stopped. */
export async function stopNode(node: LocalNode): Promise<"stopped" | "killed" | "not_running"> {
  const pid = await runningPid(node);
  if (pid === undefined) {
    rmSync(node.pidFile, { force: true });
    return "not_running";
  }
  signal(pid, "SIGTERM");
  const gentle = await gone(node, STOP_MS_MAX);
  if (!gentle) {
    signal(pid, "SIGKILL");
    if (!(await gone(node, KILL_MS_MAX)))
      throw new Error(`process ${pid} of node ${node.index} outlives SIGKILL`);
  }
  rmSync(node.pidFile, { force: true });
  return gentle ? "stopped" : "killed";
}

/** The last lines that a node wrote: what a person needs when it did not come up. */
export function logTail(node: LocalNode, lineCount: number): string {
  if (!existsSync(node.logFile)) return "";
  return readFileSync(node.logFile, "utf8").trimEnd().split("\n").slice(-lineCount).join("\n");
}

/** Ours, so that DYNAMO_LOG_LEVEL=debug reaches the nodes, without what would make them advertise one address. */
function nodeEnvironment(): NodeJS.ProcessEnv {
  const own = { ...process.env };
  for (const name of [ENV.advertiseAddress, ENV.advertiseClientAddress, ...CLI_VARIABLES]) delete own[name];
  return own;
}

async function gone(node: LocalNode, boundMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + boundMs;
  while ((await runningPid(node)) !== undefined) {
    if (performance.now() >= deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return true;
}

/** It may end between the look and the signal. */
function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Empty for a process that does not exist or has ended (a zombie has no command line). */
export async function commandLine(pid: number): Promise<string> {
  if (existsSync("/proc/self/cmdline")) {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch {
      return "";
    }
  }
  // Without /proc (macOS). ps fails where there is no such process.
  return promisify(execFile)("ps", ["-ww", "-o", "command=", "-p", String(pid)]).then(
    ({ stdout }) => stdout,
    () => "",
  );
}

/** Of the command line only; a node would warn of them. */
const CLI_VARIABLES = ["DYNAMO_ENDPOINTS", "DYNAMO_ADMIN_ENDPOINTS", "DYNAMO_TIMEOUT_MS"];
const NODE_MAIN = fileURLToPath(new URL("../../node/main.js", import.meta.url));
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const STOP_MS_MAX = 20_000;
const KILL_MS_MAX = 5_000;
