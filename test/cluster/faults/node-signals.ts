import type { LocalNode } from "../../../client/local/local-layout.ts";
import { runningPid } from "../../../client/local/node-process.ts";

/** Signals to nodes of a local cluster, and to no other process: a pid counts only if it runs that node. */
const DEATH_MS_MAX = 30_000;
const POLL_MS = 10;

/** Sends the signal to all of them within one turn of the event loop. Throws where one is not running. */
export async function signalAtOnce(nodes: readonly LocalNode[], signal: NodeJS.Signals): Promise<void> {
  const pids = await Promise.all(nodes.map(runningPid));
  const running = pids.map((pid, i) => {
    if (pid === undefined)
      throw new Error(`node ${nodes[i]!.index} is not running; see ${nodes[i]!.logFile}`);
    return pid;
  });
  for (const pid of running) process.kill(pid, signal);
}

/** The signal, then resolves when their processes are gone. */
export async function endAtOnce(nodes: readonly LocalNode[], signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  await signalAtOnce(nodes, signal);
  const deadlineMs = performance.now() + DEATH_MS_MAX;
  for (const node of nodes) {
    while ((await runningPid(node)) !== undefined) {
      if (performance.now() > deadlineMs) throw new Error(`node ${node.index} lives on after ${signal}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
