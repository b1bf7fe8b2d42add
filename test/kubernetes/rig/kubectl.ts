/**
 * kubectl and helm as a user runs them: what a test sees is what a user sees. Every call has a deadline; a failed one
 * rejects with what the command said.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export class CommandFailed extends Error {
  readonly output: string;

  constructor(command: string, output: string) {
    super(`${command}: ${output.trim()}`);
    this.name = "CommandFailed";
    this.output = output;
  }
}

export interface RunOptions {
  /** What the command reads. */
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Where it runs; the present directory by default. */
  readonly directory?: string;
}

const TIMEOUT_MS = 60_000;

/** Resolves with what the command wrote to its output. */
export function run(
  file: string,
  args: readonly string[],
  { input = "", timeoutMs = TIMEOUT_MS, directory }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { timeout: timeoutMs, cwd: directory });
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString("utf8")));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(output);
      const why =
        signal === null ? errors + output : `${errors}${output}ended by ${signal} (limit ${timeoutMs} ms)`;
      reject(new CommandFailed([file, ...args].join(" "), why));
    });
    // A command that does not read its input may be gone before it is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

export function kubectl(args: readonly string[], options?: RunOptions): Promise<string> {
  return run("kubectl", args, options);
}

export function helm(args: readonly string[], options?: RunOptions): Promise<string> {
  return run("helm", args, { timeoutMs: 120_000, ...options });
}

/**
 * Runs a command that goes on, such as `kubectl get --watch`, until it writes a line that is looked for, and ends it.
 * Resolves with that line; rejects after `timeoutMs`, or where the command ends before.
 */
export function firstLine(
  file: string,
  args: readonly string[],
  { wanted, timeoutMs }: { readonly wanted: (line: string) => boolean; readonly timeoutMs: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { timeout: timeoutMs, stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    let found: string | undefined;
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString("utf8")));
    child.once("error", reject);
    createInterface(child.stdout).on("line", (line) => {
      if (found !== undefined || !wanted(line)) return;
      found = line;
      resolve(line);
      child.kill();
    });
    child.once("close", () => {
      if (found !== undefined) return;
      const why = `ended without the line that was looked for (limit ${timeoutMs} ms) ${errors}`;
      reject(new CommandFailed([file, ...args].join(" "), why));
    });
  });
}
