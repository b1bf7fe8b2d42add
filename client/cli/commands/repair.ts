import { Option, type Command } from "commander";
import type { AdminRepair } from "../../../node/contract/admin-types.ts";
import type { AdminClient } from "../../admin-client.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openAdmins, parseCount, readAdminToken } from "../global-options.ts";
import { formatTable } from "../table.ts";

/**
 * `dynamokv repair`: each node of --admin compares its copies with every co-owner's and moves what differs. One node
 * after the other: two that compare with each other at the same time would move the same records twice.
 */
type NodeRepair =
  | { readonly endpoint: string; readonly node: string; readonly repair: AdminRepair }
  | { readonly endpoint: string; readonly error: string };

/** Beyond the time that a node may take: for its answer to travel. */
const RETURN_MS = 5_000;

export function addRepairCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("repair")
    .description(
      "make each node of --admin compare its copies with all co-owners and repair what differs; exit code 1 unless all was compared",
    )
    .addOption(
      new Option("--repair-timeout-ms <ms>", "how long one node may take")
        .default(60_000)
        .argParser((text) => parseCount(text, { min: 1, max: 3_600_000 })),
    )
    .action(async (_: unknown, command: Command) => {
      const options = { ...globalOptions(command), ...command.opts<{ repairTimeoutMs: number }>() };
      const { repairTimeoutMs } = options;
      const patient = { ...options, timeoutMs: repairTimeoutMs + RETURN_MS };
      const admins = openAdmins(patient, await readAdminToken(options));
      const nodes: NodeRepair[] = [];
      try {
        for (const admin of admins) nodes.push(await repairOf(admin, repairTimeoutMs));
        io.out(options.output === "json" ? `${JSON.stringify({ nodes })}\n` : repairText(nodes));
        exit(nodes.every(isWhole) ? EXIT.ok : EXIT.failed);
      } finally {
        for (const admin of admins) admin.close();
      }
    });
}

async function repairOf(admin: AdminClient, timeoutMs: number): Promise<NodeRepair> {
  const { endpoint } = admin;
  try {
    const node = (await admin.status()).node.id;
    return { endpoint, node, repair: await admin.repair(timeoutMs) };
  } catch (error) {
    return { endpoint, error: error instanceof Error ? error.message : String(error) };
  }
}

function isWhole(node: NodeRepair): boolean {
  return (
    "repair" in node &&
    node.repair.exchanges.every(({ outcome }) => outcome === "equal" || outcome === "repaired")
  );
}

function repairText(nodes: readonly NodeRepair[]): string {
  const rows = nodes.flatMap((node) => {
    if ("error" in node) return [[node.endpoint, "-", "FAILED", "-", "-", "-", "-", node.error]];
    if (node.repair.exchanges.length === 0)
      return [[node.endpoint, "-", "alone", "0", "0", "0", "0", "no other node owns its partitions"]];
    return node.repair.exchanges.map((exchange) => [
      node.endpoint,
      exchange.peer,
      exchange.outcome,
      String(exchange.rowsDiffering),
      String(exchange.recordsPulled),
      String(exchange.recordsPushed),
      String(exchange.bytesSent + exchange.bytesReceived),
      exchange.reason || "-",
    ]);
  });
  return formatTable(["ADMIN", "WITH", "OUTCOME", "DIFFERING", "PULLED", "PUSHED", "BYTES", "REASON"], rows);
}
