import { Option, type Command } from "commander";
import type { DynamoClient } from "../../dynamo-client.ts";
import type { Entry } from "../../entry.ts";
import { jsonOf, textOf, type Sibling } from "../../value.ts";
import { UsageError } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openClient, parseCount } from "../global-options.ts";

/**
 * `dynamokv get`: in text form, stdout carries the value's bytes and nothing else, so it may be piped; whatever is
 * not the one value (a conflict, nothing there) goes to stderr with an exit code of its own.
 */
interface GetOptions {
  readonly r?: number;
  readonly pr?: number;
  readonly sibling?: number;
}

export function addGetCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("get")
    .description("write a key's value to stdout")
    .argument("<bucket>")
    .argument("<key>")
    .addOption(new Option("--r <n>", "replicas whose answer is awaited").argParser(quorum))
    .addOption(new Option("--pr <n>", "how many of them must be owners of the key").argParser(quorum))
    .addOption(
      new Option("--sibling <i>", "of several concurrent values, write the i-th (from 1)").argParser((text) =>
        parseCount(text, { min: 1, max: 10_000 }),
      ),
    )
    .addHelpText(
      "after",
      `
With --output json: {"siblings": [{"value" (base64), "contentType", "modified", "text" or "json"}], "context"}.

Examples:
  dynamokv get carts alice
  dynamokv get carts alice --output json
  dynamokv get images logo > logo.png`,
    )
    .action(async (bucket: string, key: string, _options: unknown, command: Command) => {
      const options = { ...globalOptions(command), ...command.opts<GetOptions>() };
      const client = openClient(options);
      try {
        const entry = await read(client, { bucket, key }, options);
        exit(options.output === "json" ? showJson(entry, io) : showText(entry, options.sibling, io));
      } finally {
        client.close();
      }
    });
}

function read(
  client: DynamoClient,
  { bucket, key }: { bucket: string; key: string },
  options: GetOptions,
): Promise<Entry> {
  const quorums = {
    ...(options.r === undefined ? {} : { r: options.r }),
    ...(options.pr === undefined ? {} : { pr: options.pr }),
  };
  return client.get(bucket, key, quorums);
}

export function quorum(text: string): number {
  return parseCount(text, { min: 1, max: 7 });
}

function showJson(entry: Entry, io: CliIo): ExitCode {
  const { siblings, context, owners } = entry;
  io.out(`${JSON.stringify({ siblings: siblings.map(siblingJson), context, ...(owners && { owners }) })}\n`);
  return entry.exists ? EXIT.ok : EXIT.notFound;
}

function siblingJson(sibling: Sibling): Readonly<Record<string, unknown>> {
  const { value, contentType, modified } = sibling;
  const plain = {
    value: Buffer.from(value).toString("base64"),
    contentType,
    modified: modified?.toISOString(),
  };
  try {
    if (/^application\/(?:.*\+)?json\b/.test(contentType)) return { ...plain, json: jsonOf(sibling) };
    if (contentType.startsWith("text/")) return { ...plain, text: textOf(sibling) };
  } catch {
    // The content type is only what the writer claimed; the base64 is there in any case.
  }
  return plain;
}

function showText(entry: Entry, index: number | undefined, io: CliIo): ExitCode {
  const { siblings } = entry;
  if (siblings.length === 0) {
    const { owners, context } = entry;
    const deleted = context === "" ? "" : " (it was deleted)";
    const weak =
      owners !== undefined && owners.answered < owners.total
        ? `; ${owners.answered} of ${owners.total} owners answered`
        : "";
    io.err(`dynamokv: no such key${deleted}${weak}\n`);
    return EXIT.notFound;
  }
  if (index === undefined && siblings.length > 1) {
    io.err(conflictText(entry));
    return EXIT.severalValues;
  }
  const sibling = siblings[(index ?? 1) - 1];
  if (sibling === undefined)
    throw new UsageError(`--sibling ${index}: the key has ${siblings.length} value(s)`);
  io.out(sibling.value);
  if (io.stdoutIsTerminal && sibling.value.at(-1) !== NEWLINE) io.out("\n");
  return EXIT.ok;
}

function conflictText({ bucket, key, siblings }: Entry): string {
  const lines = siblings.map((sibling, i) => {
    const when = sibling.modified === undefined ? "" : `  ${sibling.modified.toISOString()}`;
    return `  [${i + 1}]${when}  ${preview(sibling)}`;
  });
  const name = `${shellWord(String(bucket))} ${shellWord(String(key))}`;
  return [
    `dynamokv: ${siblings.length} concurrent values:`,
    ...lines,
    `Print one:  dynamokv get ${name} --sibling 1`,
    `Settle it:  dynamokv put ${name} MERGED-VALUE --resolve`,
    "",
  ].join("\n");
}

function preview(sibling: Sibling): string {
  const shown = Buffer.from(sibling.value.subarray(0, PREVIEW_BYTES)).toString("utf8");
  const more = sibling.value.length > PREVIEW_BYTES ? "…" : "";
  return `${JSON.stringify(shown)}${more}  (${sibling.value.length} bytes, ${sibling.contentType})`;
}

function shellWord(text: string): string {
  return /^[\w.,:@%/+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

const PREVIEW_BYTES = 60;
const NEWLINE = 10;
