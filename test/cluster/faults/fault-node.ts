import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { LocalNode } from "../../../client/local/local-layout.ts";
import { logTail } from "../../../client/local/node-process.ts";
import type { Readiness } from "../../../node/contract/admin-types.ts";

/**
 * One real node process on an address of its own, so that a packet filter can tell nodes apart. It is a child of the
 * test and ends with the test's process group; it is signalled through its handle, never by a number that was read.
 */
export interface FaultNodeOptions {
  /** From 1. */
  readonly index: number;
  readonly host: string;
  readonly directory: string;
  /** Of all nodes. */
  readonly peers: readonly string[];
  readonly secretFile: string;
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
  #child: ChildProcess | undefined;

  constructor({ index, host, directory, peers, secretFile }: FaultNodeOptions) {
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
  }

  /** Starts it and resolves when it is a serving member of its ring. Throws with the end of its log where it is not. */
  async start(): Promise<void> {
    this.spawn();
    const deadlineMs = performance.now() + READY_MS_MAX;
    for (;;) {
      const { ready, reason } = await this.readiness();
      if (ready) return;
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

  /** Sent at once, without waiting for what it does. Throws where no process runs. */
  signal(name: NodeJS.Signals): void {
    if (!this.isRunning) throw new Error(`node ${this.index} is not running; see ${this.logFile}`);
    this.#child!.kill(name);
  }

  /** The signal, then resolves when the process is gone. */
  async end(name: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(name);
    const late = setTimeout(() => child.kill("SIGKILL"), END_MS_MAX);
    await ended;
    clearTimeout(late);
    rmSync(this.pidFile, { force: true });
  }
}
