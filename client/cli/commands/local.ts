import { Option, type Command } from "commander";
import { localDown, localNodesWithPids, localUp, localWipe } from "../../local/local-cluster.ts";
import { LOCAL_DIRECTORY, LOCAL_NODES_MAX, type LocalNode } from "../../local/local-layout.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, parseCount } from "../global-options.ts";
import { formatTable } from "../table.ts";

/** `dynamokv local`: a cluster on this machine; `make up`, `down` and `wipe` call it. Progress goes to stderr. */
interface LocalOptions {
  readonly dir: string;
  readonly nodes?: number;
  readonly portOffset?: number;
}

export function addLocalCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  const local = program
    .command("local")
    .description("run a whole cluster on this machine, without Kubernetes");
  const progress = (line: string): void => io.err(`${line}\n`);
  withDirectory(
    local.command("up").description("start the nodes that are not running, and wait until the ring serves"),
  )
    .addOption(
      new Option("--nodes <n>", `1 to ${LOCAL_NODES_MAX} (default: as stored, else 3)`).argParser((text) =>
        parseCount(text, { min: 1, max: LOCAL_NODES_MAX }),
      ),
    )
    .addOption(
      new Option(
        "--port-offset <n>",
        "add this to every port, for a second cluster on this machine",
      ).argParser((text) => parseCount(text, { min: 0, max: 50_000 })),
    )
    .addHelpText("after", "\nNode i listens on 127.0.0.1: clients at 808i, admin at 908i, peers at 708i.")
    .action(async (_: unknown, command: Command) => {
      const { dir, nodes, portOffset } = command.opts<LocalOptions>();
      const running = await localUp({ directory: dir, nodes, portOffset, progress });
      const { output } = globalOptions(command);
      io.out(
        output === "json" ? `${JSON.stringify({ nodes: running.map(addressesOf) })}\n` : welcome(running),
      );
      exit(EXIT.ok);
    });
  withDirectory(local.command("down").description("stop the nodes; their data stays")).action(
    async (_: unknown, command: Command) => {
      await localDown({ directory: command.opts<LocalOptions>().dir, progress });
      exit(EXIT.ok);
    },
  );
  withDirectory(local.command("wipe").description("stop the nodes and delete all their data")).action(
    async (_: unknown, command: Command) => {
      await localWipe({ directory: command.opts<LocalOptions>().dir, progress });
      exit(EXIT.ok);
    },
  );
  withDirectory(
    local.command("status").description("show which nodes run; exit code 1 unless all do"),
  ).action(async (_: unknown, command: Command) => {
    const nodes = await localNodesWithPids(command.opts<LocalOptions>().dir);
    const { output } = globalOptions(command);
    const described = nodes.map(({ node, pid }) => ({ ...addressesOf(node), pid }));
    io.out(output === "json" ? `${JSON.stringify({ nodes: described })}\n` : statusText(nodes));
    exit(nodes.length > 0 && nodes.every(({ pid }) => pid !== undefined) ? EXIT.ok : EXIT.failed);
  });
}

function withDirectory(command: Command): Command {
  return command.option("--dir <path>", "where data, logs and the secret are", LOCAL_DIRECTORY);
}

function addressesOf(node: LocalNode): Readonly<Record<string, unknown>> {
  const { index, client, admin, peer, logFile, dataDirectory } = node;
  return { index, client: `http://${client}`, admin: `http://${admin}`, peer, log: logFile, dataDirectory };
}

function welcome(nodes: readonly LocalNode[]): string {
  const rows = nodes.map((node) => [
    `node ${node.index}`,
    `http://${node.client}`,
    `http://${node.admin}`,
    node.peer,
  ]);
  const [first, last] = [nodes[0]!, nodes.at(-1)!];
  return (
    `\n${formatTable(["THE RING SERVES", "CLIENTS", "ADMIN", "PEERS"], rows)}` +
    `\nTry:\n` +
    `  curl -i -X PUT --data-binary hello http://${first.client}/v1/kv/demo/greeting\n` +
    `  curl -i http://${last.client}/v1/kv/demo/greeting\n` +
    `  npx dynamokv get demo greeting\n` +
    `\nStop with \`make down\` (the data stays), delete all with \`make wipe\`.\n`
  );
}

function statusText(nodes: readonly { node: LocalNode; pid: number | undefined }[]): string {
  if (nodes.length === 0) return "there is no local cluster here; start one with `make up`\n";
  const rows = nodes.map(({ node, pid }) => [
    String(node.index),
    pid === undefined ? "stopped" : `process ${pid}`,
    `http://${node.client}`,
    `http://${node.admin}`,
    node.logFile,
  ]);
  return formatTable(["NODE", "STATE", "CLIENTS", "ADMIN", "LOG"], rows);
}
