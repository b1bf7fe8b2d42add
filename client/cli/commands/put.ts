import { readFile } from "node:fs/promises";
import { Option, type Command } from "commander";
import type { DynamoClient, Target } from "../../dynamo-client.ts";
import { UsageError } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openClient } from "../global-options.ts";
import { quorum } from "./get.ts";

/** `dynamokv put`: the value comes from the argument, a file or stdin; the context from the user or a fresh read. */
interface PutOptions {
  readonly file?: string;
  readonly context?: string;
  readonly resolve?: boolean;
  readonly contentType?: string;
  readonly w?: number;
  readonly pw?: number;
}

export function addPutCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("put")
    .description("store a value (argument, --file or stdin)")
    .argument("<bucket>")
    .argument("<key>")
    .argument("[value]")
    .option("-f, --file <path>", "read the value from a file")
    .addOption(new Option("--context <context>", "replace what the get with this context saw"))
    .addOption(new Option("--resolve", "read first, and replace all that is there now").conflicts("context"))
    .option("--content-type <type>", "text/plain for an argument, application/octet-stream otherwise")
    .addOption(new Option("--w <n>", "durable acknowledgements that are awaited").argParser(quorum))
    .addOption(new Option("--pw <n>", "how many of them must be owners of the key").argParser(quorum))
    .addHelpText(
      "after",
      `
Without --context or --resolve nothing is replaced: beside another value the new one becomes a sibling.
Prints the new context, which covers this value and what it replaced.

Examples:
  dynamokv put carts alice '["book"]'
  dynamokv put carts alice '["book","pen"]' --resolve
  dynamokv put images logo --file logo.png --content-type image/png
  tar c src | dynamokv put backups src`,
    )
    .action(async (bucket: string, key: string, value: string | undefined, _: unknown, command: Command) => {
      const options = { ...globalOptions(command), ...command.opts<PutOptions>() };
      const bytes = await valueBytes(value, options.file, io);
      const client = openClient(options);
      try {
        const target = await targetOf(client, { bucket, key }, options);
        const written = await client.put(target, bytes, {
          contentType: options.contentType ?? (value === undefined ? OCTETS : TEXT),
          ...(options.w === undefined ? {} : { w: options.w }),
          ...(options.pw === undefined ? {} : { pw: options.pw }),
        });
        io.out(writtenText("stored", written.context, options.output));
        exit(EXIT.ok);
      } finally {
        client.close();
      }
    });
}

/** What put and delete print. */
export function writtenText(done: "stored" | "deleted", context: string, output: "text" | "json"): string {
  if (output === "json") return `${JSON.stringify({ context })}\n`;
  return context === "" ? `${done}\n` : `${done}\ncontext: ${context}\n`;
}

async function valueBytes(
  value: string | undefined,
  file: string | undefined,
  io: CliIo,
): Promise<Uint8Array> {
  if (value !== undefined && file !== undefined) throw new UsageError("give the value or --file, not both");
  if (value !== undefined) return Buffer.from(value, "utf8");
  if (file !== undefined) return readFile(file);
  if (io.stdinIsTerminal) throw new UsageError("no value: give it as an argument, with --file, or on stdin");
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function targetOf(
  client: DynamoClient,
  name: { bucket: string; key: string },
  options: PutOptions,
): Promise<Target> {
  if (options.resolve) return client.get(name.bucket, name.key);
  return { ...name, context: options.context ?? "" };
}

const TEXT = "text/plain; charset=utf-8";
const OCTETS = "application/octet-stream";
