import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { UsageError } from "../cli-error.ts";

/**
 * `dynamokv node`: a storage node in this process. Its flags, variables and help are the node's own business, so they
 * are handed over unread; that is why `node` must be the first argument.
 */
export function addNodeCommand(program: Command): void {
  program
    .command("node")
    .description("run a storage node; `dynamokv node --help` lists its flags and variables")
    .argument("[flags...]")
    .allowUnknownOption()
    .action(() => {
      throw new UsageError("`node` must come first: dynamokv node --data-dir PATH …");
    });
}

/** Becomes the node: it installs its own signal handlers and sets its own exit code. */
export async function runNode(flags: readonly string[]): Promise<void> {
  const entry = new URL("../../../node/main.js", import.meta.url);
  process.argv = [process.execPath, fileURLToPath(entry), ...flags];
  await import(entry.href);
}
