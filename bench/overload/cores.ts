import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Which cores the nodes run on and which one the generator. A generator on the nodes' cores takes more from them the more
 * it asks for: at twice the capacity it would show its own cost as goodput that the nodes lost. With cores apart, what
 * is lost is what the nodes spend on refusing.
 */
export interface CoreSplit {
  /** As taskset takes them: "0,1". */
  readonly nodes: string;
  readonly generator: string;
}

/** Undefined where this process may use one core only, or where the system does not let one choose. */
export function splitCores(): CoreSplit | undefined {
  try {
    const allowed = coresAllowed();
    if (allowed.length > 1) runOn(allowed.join(","));
    return splitOf(allowed);
  } catch {
    return undefined;
  }
}

/** All but the last core for the nodes; undefined where that leaves none. */
export function splitOf(cores: readonly number[]): CoreSplit | undefined {
  if (cores.length < 2) return undefined;
  return { nodes: cores.slice(0, -1).join(","), generator: String(cores.at(-1)) };
}

/** Those that this process may run on. */
export function coresAllowed(): number[] {
  const status = readFileSync("/proc/self/status", "utf8");
  return coresOf(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "");
}

/** This process with all its threads, and what it starts from now on. */
export function runOn(cores: string): void {
  execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", cores, String(process.pid)], {
    stdio: "ignore",
  });
}

/** "0-2,5" names 0, 1, 2 and 5. */
export function coresOf(list: string): number[] {
  return list.split(",").flatMap((part) => {
    const [first, last = first] = part.split("-").map(Number);
    if (first === undefined || last === undefined || part === "") return [];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
