import type { Command } from "commander";
import type { AdminClient } from "../../admin-client.ts";
import type { AdminStatus } from "../../../node/contract/admin-types.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openAdmins } from "../global-options.ts";
import { formatTable } from "../table.ts";

/** `dynamokv status`: every admin port is asked, because the one that is in trouble is the one that matters. */
type NodeReport =
  | { readonly endpoint: string; readonly status: AdminStatus }
  | { readonly endpoint: string; readonly error: string };

export function addStatusCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("status")
    .description(
      "show each node of --admin: state, ring, pending hints; exit code 1 unless all serve one ring",
    )
    .action(async (_: unknown, command: Command) => {
      const options = globalOptions(command);
      const admins = openAdmins(options);
      try {
        const nodes = await Promise.all(admins.map(reportOf));
        io.out(options.output === "json" ? `${JSON.stringify({ nodes })}\n` : statusText(nodes));
        exit(isWhole(nodes) ? EXIT.ok : EXIT.failed);
      } finally {
        for (const admin of admins) admin.close();
      }
    });
}

async function reportOf(admin: AdminClient): Promise<NodeReport> {
  try {
    return { endpoint: admin.endpoint, status: await admin.status() };
  } catch (error) {
    return { endpoint: admin.endpoint, error: error instanceof Error ? error.message : String(error) };
  }
}

function isWhole(nodes: readonly NodeReport[]): boolean {
  const rings = new Set(nodes.map((node) => ("status" in node ? node.status.ring.hash : "")));
  return rings.size === 1 && nodes.every((node) => "status" in node && node.status.state === "serving");
}

function statusText(nodes: readonly NodeReport[]): string {
  const rows = nodes.map((node) => {
    if ("error" in node) return [node.endpoint, "UNREACHABLE", "-", "-", "-", node.error];
    const { state, ring, hints, uptimeSeconds } = node.status;
    const pending = Object.values(hints.pending).reduce((sum, count) => sum + count, 0);
    const shownRing = ring.epoch === 0 ? "-" : `${ring.epoch} ${ring.hash.slice(0, 8)}`;
    return [
      node.endpoint,
      state,
      shownRing,
      String(pending),
      `${Math.round(uptimeSeconds)} s`,
      node.status.node.id,
    ];
  });
  return formatTable(["ADMIN", "STATE", "RING", "HINTS", "UP", "NODE"], rows);
}
