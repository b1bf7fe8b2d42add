import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Three processes under load: ours, or the bare prototype that bounds what this machine can do. */
export interface Contender {
  readonly name: string;
  readonly baseUrls: readonly string[];
  /** CPU seconds that all processes have used so far. */
  cpuSeconds(): number;
  /** Resident memory of each process, MiB. */
  residentMib(): number[];
  /** Bytes under the data directories of all processes. */
  diskBytes(): number;
  stop(): Promise<void>;
}

export interface RunningProcess {
  readonly pid: number;
  readonly dataDirectory: string;
}

export function contender(
  name: string,
  {
    baseUrls,
    processes,
    stop,
  }: { baseUrls: readonly string[]; processes: readonly RunningProcess[]; stop: () => Promise<void> },
): Contender {
  return {
    name,
    baseUrls,
    cpuSeconds: () => processes.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0),
    residentMib: () => processes.map(({ pid }) => residentMibOf(pid)),
    diskBytes: () => processes.reduce((sum, { dataDirectory }) => sum + bytesUnder(dataDirectory), 0),
    stop,
  };
}

/** User and system time; the kernel counts in hundredths of a second. */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentMibOf(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1_024;
}

function bytesUnder(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) bytes += bytesUnder(path);
    else if (entry.isFile() && entry.name !== "ballast") bytes += statSync(path).size;
  }
  return bytes;
}

/** Resolves when the URL answers anything; rejects after ten seconds. */
export async function answers(url: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      await (await fetch(url, { signal: AbortSignal.timeout(1_000) })).arrayBuffer();
      return;
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`${url} did not answer within 10 s`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
