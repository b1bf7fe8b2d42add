import { Command, CommanderError } from "commander";
import { reportError } from "./cli-error.ts";
import type { CliIo } from "./cli-io.ts";
import { addDeleteCommand } from "./commands/delete.ts";
import { addGetCommand } from "./commands/get.ts";
import { addLocalCommand } from "./commands/local.ts";
import { addLocateCommand } from "./commands/locate.ts";
import { addMembersCommand } from "./commands/members.ts";
import { addNodeCommand } from "./commands/node.ts";
import { addPutCommand } from "./commands/put.ts";
import { addRepairCommand } from "./commands/repair.ts";
import { addRingCommand } from "./commands/ring.ts";
import { addStatusCommand } from "./commands/status.ts";
import { EXIT, exitCodesHelp, type ExitCode } from "./exit-code.ts";
import { addGlobalOptions } from "./global-options.ts";

/** The command line as a whole: one run from arguments to an exit code. Never throws, never ends the process. */
export async function runCli(args: readonly string[], io: CliIo): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = buildProgram(io, (chosen) => (code = chosen));
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    // Commander has printed its own message already; asking for help is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(error, io, program.opts<{ output: "text" | "json" }>().output);
  }
}

function buildProgram(io: CliIo, exit: (code: ExitCode) => void): Command {
  const program = new Command("dynamokv")
    .description("DynamoKV: an always-writable key-value store. This is its command line.")
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .showHelpAfterError("(see --help)")
    .addHelpText("after", `\n${exitCodesHelp}\n\n${examples}`);
  addGlobalOptions(program);
  program.configureHelp({ showGlobalOptions: true });
  for (const add of [
    addPutCommand,
    addGetCommand,
    addDeleteCommand,
    addLocateCommand,
    addStatusCommand,
    addMembersCommand,
    addRingCommand,
    addRepairCommand,
    addNodeCommand,
    addLocalCommand,
  ]) {
    add(program, io, exit);
  }
  return program;
}

const examples = `Examples:
  dynamokv local up --nodes 3
  dynamokv put carts alice '["book"]'
  dynamokv get carts alice
  dynamokv get carts alice --output json --endpoint http://10.0.0.7:8080
  dynamokv locate carts alice
  dynamokv status`;
