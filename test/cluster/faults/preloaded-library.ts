import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Compiles a shim of this folder for LD_PRELOAD into the directory and answers the library's path. Needs Linux and a C compiler (`cc`). */
export function compiledShim(name: "power-loss" | "slow-disk", directory: string): string {
  const source = fileURLToPath(new URL(`../../../../test/cluster/faults/${name}.c`, import.meta.url));
  const library = path.join(directory, `${name}.so`);
  try {
    execFileSync("cc", ["-shared", "-fPIC", "-O2", "-Wall", "-o", library, source, "-ldl", "-lpthread"]);
  } catch (cause) {
    throw new Error(`cannot compile ${source}; this test needs a C compiler named cc`, { cause });
  }
  return library;
}
