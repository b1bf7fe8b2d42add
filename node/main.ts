import { readFileSync } from "node:fs";
import { createLogLine } from "./adapters/winston-logger.ts";
import { parseNodeConfig } from "./config/node-config.ts";
import { nodeHelp, readFlags } from "./config/node-flags.ts";
import { startNode } from "./running-node.ts";

/** The node process: flags and variables in, one member out, SIGTERM and SIGINT drain it. */

const EXIT_USAGE = 2;
const EXIT_FAILED = 1;

async function main(args: readonly string[]): Promise<void> {
  const version = packageVersion();
  const flags = readFlags(args);
  if (flags.kind === "help") return void process.stdout.write(nodeHelp());
  if (flags.kind === "version") return void process.stdout.write(`${version}\n`);
  const parsed = parseNodeConfig({ env: process.env, flags: flags.values });
  const problems = [...flags.problems, ...(parsed.ok ? [] : parsed.problems)];
  if (!parsed.ok || problems.length > 0) {
    process.stderr.write(`dynamokv node: ${problems.join("\ndynamokv node: ")}\nSee: dynamokv node --help\n`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  const { config, warnings } = parsed;
  const log = createLogLine({ level: config.logLevel, base: { pid: process.pid } });
  for (const warning of warnings) log("setting_unknown", { warning }, "warn");
  const die = (event: string) => (error: unknown) => {
    log(event, { error }, "error");
    // The log is written asynchronously: give the line a moment before the process ends, whatever state it is in.
    setTimeout(() => process.exit(EXIT_FAILED), 100);
  };
  process.on("uncaughtException", die("process_failed"));
  process.on("unhandledRejection", die("process_failed"));
  try {
    let stopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (stopping) return;
      stopping = true;
      log("shutdown_started", { signal }, "info");
      const stopped = starting.then((node) => node.shutDown());
      stopped.then(() => {
        log("shutdown_finished", {}, "info");
        setTimeout(() => process.exit(0), 100).unref();
      }, die("shutdown_failed"));
    };
    const onRestartDue = (): void => stop("SIGTERM");
    const starting = startNode(config, { version, log, onFatal: die("storage_failed"), onRestartDue });
    await starting;
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  } catch (error) {
    die("start_failed")(error);
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

await main(process.argv.slice(2));
