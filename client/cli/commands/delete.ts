import { Option, type Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openClient } from "../global-options.ts";
import { quorum } from "./get.ts";
import { writtenText } from "./put.ts";

/** `dynamokv delete`: removes what a context saw, or what is there now. */
interface DeleteOptions {
  readonly context?: string;
  readonly w?: number;
  readonly pw?: number;
}

export function addDeleteCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("delete")
    .description("remove a key")
    .argument("<bucket>")
    .argument("<key>")
    .option(
      "--context <context>",
      "remove only what the get with this context saw (default: what is there now)",
    )
    .addOption(new Option("--w <n>", "durable acknowledgements that are awaited").argParser(quorum))
    .addOption(new Option("--pw <n>", "how many of them must be owners of the key").argParser(quorum))
    .addHelpText(
      "after",
      `
Deleting what is not there is no error.

Example:
  dynamokv delete carts alice`,
    )
    .action(async (bucket: string, key: string, _: unknown, command: Command) => {
      const options = { ...globalOptions(command), ...command.opts<DeleteOptions>() };
      const client = openClient(options);
      try {
        const removed = await client.delete(
          { bucket, key, context: options.context ?? "" },
          {
            ...(options.w === undefined ? {} : { w: options.w }),
            ...(options.pw === undefined ? {} : { pw: options.pw }),
          },
        );
        io.out(writtenText("deleted", removed.context, options.output));
        exit(EXIT.ok);
      } finally {
        client.close();
      }
    });
}
