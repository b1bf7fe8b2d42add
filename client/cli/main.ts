#!/usr/bin/env node
import { runNode } from "./commands/node.ts";
import { runCli } from "./program.ts";

/** `dynamokv`, the process: connects the command line to the terminal. */
const args = process.argv.slice(2);

if (args[0] === "node") await runNode(args.slice(1));
else await runCommand();

async function runCommand(): Promise<void> {
  // A reader that has seen enough (`dynamokv get … | head -c 10`) is no error of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(0);
  });
  process.exitCode = await runCli(args, {
    stdin: process.stdin,
    stdinIsTerminal: process.stdin.isTTY,
    stdoutIsTerminal: process.stdout.isTTY,
    stderrIsTerminal: process.stderr.isTTY,
    out: (bytes) => process.stdout.write(bytes),
    err: (text) => process.stderr.write(text),
  });
}
