import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { answers, type Contender, contender } from "./contender.ts";

const PROTOTYPE = fileURLToPath(new URL("../../bench/ceiling/prototype.cjs", import.meta.url));

/** The bare prototype: quorum and fsync, and nothing else that a store needs. Its ports are fixed: 9000–9002. */
export async function startCeiling(directory: string): Promise<Contender> {
  const started = [0, 1, 2].map((index) => {
    const dataDirectory = join(directory, `ceiling-${index}`);
    mkdirSync(dataDirectory, { recursive: true });
    const stdio = ["ignore", "ignore", "inherit"] as const;
    const child = spawn(process.execPath, [PROTOTYPE, String(index), "main"], {
      cwd: dataDirectory,
      stdio: [...stdio],
    });
    return { child, dataDirectory };
  });
  const baseUrls = [9000, 9001, 9002].map((port) => `http://127.0.0.1:${port}`);
  // It connects to its peers three seconds after its start.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  await Promise.all(baseUrls.map((url) => answers(`${url}/v1/kv/b/none`)));
  return contender("ceiling", {
    baseUrls,
    processes: started.map(({ child, dataDirectory }) => ({ pid: child.pid!, dataDirectory })),
    stop: async () => {
      await Promise.all(started.map(({ child }) => stopped(child)));
    },
  });
}

function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
