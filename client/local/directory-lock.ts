import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { commandLine } from "./node-process.ts";

/**
 * One `up`, `down` or `wipe` at a time in a directory: two at once would take each other's probes for foreign
 * listeners and overwrite each other's pid files. The lock is a file with the holder's process number; one whose
 * holder has ended is taken over. The wait is bounded.
 */
export async function withDirectoryLock<T>(
  directory: string,
  progress: (line: string) => void,
  action: () => Promise<T>,
): Promise<T> {
  mkdirSync(directory, { recursive: true });
  const file = path.resolve(directory, "lock");
  await acquire(file, progress);
  try {
    return await action();
  } finally {
    rmSync(file, { force: true });
  }
}

async function acquire(file: string, progress: (line: string) => void): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS_MAX;
  for (let attempt = 0; ; attempt++) {
    if (tryAcquire(file)) return;
    const holder = holderOf(file);
    if (holder !== undefined && (await commandLine(holder)) === "") {
      rmSync(file, { force: true });
      continue;
    }
    if (attempt === 0)
      progress(`process ${holder ?? "unknown"} is starting or stopping nodes here: waiting for it`);
    if (performance.now() >= deadlineMs) {
      throw new Error(
        `${file} is held by process ${holder ?? "unknown"}; if no \`make up\` is at work, delete the file`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function tryAcquire(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Undefined where the holder has just made the file and not written it yet, or has just removed it. */
function holderOf(file: string): number | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

const WAIT_MS_MAX = 90_000;
const POLL_MS = 100;
