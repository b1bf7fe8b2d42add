import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Drives wrk: one process per node, each with keys of its own (two processes that put the same key without a context
 * make siblings), closed loop. Latency is therefore as a closed-loop client sees it; docs/BENCHMARKS.md says so.
 */
export interface LoadPhase {
  readonly mode: "put" | "get" | "blind" | "overwrite";
  /** Keys per process that get, blind and overwrite address. */
  readonly keys: number;
  readonly valueBytes: number;
  readonly seconds: number;
  /** Connections of each process. */
  readonly connections: number;
  /** Distinguishes the keys of one phase from another's. */
  readonly prefix: string;
}

export interface LoadResult {
  /** Answered with a status below 400. */
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Answers with a status above 399, and connections that failed. */
  readonly bad: number;
  /** Keys that the put phase of each process wrote: 1 … this. */
  readonly keysWritten: number;
}

interface WrkLine {
  readonly requests: number;
  readonly durationUs: number;
  readonly bad: number;
  readonly socketErrors: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly written: number;
}

const script = (mode: LoadPhase["mode"]): string =>
  fileURLToPath(
    new URL(`../../bench/workload${mode === "overwrite" ? "-overwrite" : ""}.lua`, import.meta.url),
  );

/** Rejects where wrk is not installed or fails. Quantiles are the worst of the processes; rates are summed. */
export async function runLoad(baseUrls: readonly string[], phase: LoadPhase): Promise<LoadResult> {
  const lines = await Promise.all(baseUrls.map((url, index) => runWrk(url, index, phase)));
  const worst = (of: (line: WrkLine) => number): number => Math.max(...lines.map(of)) / 1_000;
  return {
    requestsPerSecond: lines.reduce((sum, line) => sum + rateOf(line), 0),
    p50Ms: worst((line) => line.p50Us),
    p99Ms: worst((line) => line.p99Us),
    p999Ms: worst((line) => line.p999Us),
    bad: lines.reduce((sum, line) => sum + line.bad + line.socketErrors, 0),
    keysWritten: Math.min(...lines.map((line) => line.written)),
  };
}

/** A refusal is quickly had: only what was answered well counts as throughput. */
function rateOf({ requests, bad, durationUs }: WrkLine): number {
  return ((requests - bad) / durationUs) * 1e6;
}

async function runWrk(url: string, index: number, phase: LoadPhase): Promise<WrkLine> {
  const loop = [
    "-t1",
    `-c${phase.connections}`,
    `-d${phase.seconds}s`,
    "--latency",
    "-s",
    script(phase.mode),
  ];
  const words = [phase.mode, `${phase.prefix}${index}`, String(phase.keys), String(phase.valueBytes)];
  const output = await outputOf("wrk", [...loop, url, "--", ...words]);
  const line = output.split("\n").find((text) => text.startsWith("{"));
  if (line === undefined) throw new Error(`wrk printed no result for ${url}:\n${output}`);
  return JSON.parse(line) as WrkLine;
}

function outputOf(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", (error) => {
      reject(
        new Error(
          `cannot run ${command} (${error.message}); install it, on Debian: apt-get install ${command}`,
        ),
      );
    });
    child.on("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${command} exited ${code}:\n${output}`)),
    );
  });
}
