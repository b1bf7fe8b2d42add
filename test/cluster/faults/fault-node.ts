import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { LocalNode } from "../../../client/local/local-layout.ts";
import { logTail } from "../../../client/local/node-process.ts";
import type { AdminStatus, Readiness } from "../../../node/contract/admin-types.ts";

/**
 * One real node process on an address of its own, so that a packet filter can tell nodes apart. It is a child of the
 * test and ends with the test's process group; it is signalled through its handle, never by a number that was read. One that
 * ends by itself and says that all is well is started again, as a supervisor does it: a node that has put its copies aside.
 */
export interface FaultNodeOptions {
  /** From 1. */
  readonly index: number;
  readonly host: string;
  readonly directory: string;
  /** Of all nodes. */
  readonly peers: readonly string[];
  readonly secretFile: string;
  /** It need not be a member of the ring: a spare, or one that has left. */
  readonly mayBeOutside: boolean;
}

const NODE_MAIN = fileURLToPath(new URL("../../../node/main.js", import.meta.url));
const READY_MS_MAX = 60_000;
const END_MS_MAX = 30_000;
const POLL_MS = 50;
export const PORTS = { client: 8_080, admin: 9_080, peer: 7_080 } as const;

export class FaultNode implements LocalNode {
  readonly index: number;
  readonly host: string;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly pidFile: string;
  readonly client: string;
  readonly admin: string;
  readonly peer: string;
  /** Added to the environment of every process that is started from now on. */
  env: Readonly<Record<string, string>> = {};
  readonly #flags: readonly string[];
  readonly #mayBeOutside: boolean;
  #child: ChildProcess | undefined;
  #isEnding = false;

  constructor({ index, host, directory, peers, secretFile, mayBeOutside }: FaultNodeOptions) {
    this.#mayBeOutside = mayBeOutside;
    this.index = index;
    this.host = host;
    this.directory = directory;
    this.dataDirectory = path.join(directory, "data");
    this.logFile = path.join(directory, "log");
    this.pidFile = path.join(directory, "pid");
    this.client = `${host}:${PORTS.client}`;
    this.admin = `${host}:${PORTS.admin}`;
    this.peer = `${host}:${PORTS.peer}`;
    const flags: Readonly<Record<string, string>> = {
      "data-dir": this.dataDirectory,
      "client-listen": this.client,
      "admin-listen": this.admin,
      "peer-listen": this.peer,
      seeds: peers.join(","),
      "cluster-secret-file": secretFile,
      "shutdown-serve-ms": "0",
    };
    this.#flags = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
    mkdirSync(this.dataDirectory, { recursive: true });
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the process; says nothing of what becomes of it. */
  spawn(): void {
    if (this.isRunning) throw new Error(`node ${this.index} is running already`);
    const log = openSync(this.logFile, "a");
    try {
      this.#child = spawn(process.execPath, [NODE_MAIN, ...this.#flags], {
        env: { ...process.env, ...this.env },
        stdio: ["ignore", log, log],
      });
    } finally {
      closeSync(log);
    }
    writeFileSync(this.pidFile, `${this.#child.pid}\n`);
    this.#isEnding = false;
    this.#child.once("exit", (code) => {
      if (code === 0 && !this.#isEnding) this.spawn();
    });
  }

  /**
   * Starts it and resolves when it is a serving member of its ring, or says that it is none where that may be. Throws with
   * the end of its log where neither comes about.
   */
  async start(): Promise<void> {
    this.spawn();
    await this.answers();
  }

  /** Resolves as `start` does. */
  async answers(): Promise<void> {
    const deadlineMs = performance.now() + READY_MS_MAX;
    for (;;) {
      const { ready, reason } = await this.readiness();
      if (ready || (this.#mayBeOutside && (await this.isOutside()))) return;
      if (!this.isRunning || performance.now() > deadlineMs) {
        const what = this.isRunning ? `is not ready: ${reason}` : "ended";
        throw new Error(`node ${this.index} ${what}; the end of ${this.logFile}:\n${logTail(this, 15)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async readiness(): Promise<Readiness> {
    try {
      const answer = await fetch(`http://${this.admin}/readyz`, { signal: AbortSignal.timeout(2_000) });
      return (await answer.json()) as Readiness;
    } catch (error) {
      return { ready: false, reason: String(error) };
    }
  }

  /** It runs, and is no member of the ring as far as it knows. */
  async isOutside(): Promise<boolean> {
    try {
      const answer = await fetch(`http://${this.admin}/admin/v1/status`, {
        signal: AbortSignal.timeout(2_000),
      });
      const { state } = (await answer.json()) as AdminStatus;
      return state === "no_ring" || state === "left";
    } catch {
      return false;
    }
  }

  /** Sent at once, without waiting for what it does. Throws where no process runs. */
  signal(name: NodeJS.Signals): void {
    if (!this.isRunning) throw new Error(`node ${this.index} is not running; see ${this.logFile}`);
    this.#child!.kill(name);
  }

  /** The signal, then resolves when the process is gone. */
  async end(name: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    this.#isEnding = true;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(name);
    const late = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
    await ended;
    clearTimeout(late);
    rmSync(this.pidFile, { force: true });
  }
}
