import type { Command } from "commander";
import type { AdminClient } from "../../admin-client.ts";
import type { AdminStatus } from "../../../node/contract/admin-types.ts";
import { DynamoError } from "../../dynamo-error.ts";
import { askAny } from "../../ask-admins.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openAdmins } from "../global-options.ts";
import { NodeNames, shownDuration } from "../node-names.ts";
import { formatTable } from "../table.ts";

/** `dynamokv status`: every admin port is asked, because the one that is in trouble is the one that matters. */
type NodeReport =
  | { readonly endpoint: string; readonly status: AdminStatus }
  | { readonly endpoint: string; readonly error: string };

export function addStatusCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("status")
    .description(
      "show each node of --admin: state, ring, pending hints, last comparisons; exit code 1 unless all serve one ring",
    )
    .action(async (_: unknown, command: Command) => {
      const options = globalOptions(command);
      const admins = openAdmins(options);
      try {
        const nodes = await Promise.all(admins.map(reportOf));
        const text = options.output === "text" ? statusText(nodes, await namesOf(nodes, admins)) : "";
        io.out(options.output === "json" ? `${JSON.stringify({ nodes })}\n` : text);
        exit(isWhole(nodes) ? EXIT.ok : EXIT.failed);
      } finally {
        for (const admin of admins) admin.close();
      }
    });
}

async function reportOf(admin: AdminClient): Promise<NodeReport> {
  const { endpoint } = admin;
  try {
    return { endpoint, status: await admin.status() };
  } catch (error) {
    return { endpoint, error: error instanceof Error ? error.message : String(error) };
  }
}

function isWhole(nodes: readonly NodeReport[]): boolean {
  const rings = new Set(nodes.map((node) => ("status" in node ? node.status.ring.hash : "")));
  return rings.size === 1 && nodes.every((node) => "status" in node && node.status.state === "serving");
}

/** A node that does not answer is named by one that does. */
async function namesOf(nodes: readonly NodeReport[], admins: readonly AdminClient[]): Promise<NodeNames> {
  const names = new NodeNames();
  for (const node of nodes) if ("status" in node) names.learn(node.status.node);
  const answering = admins.filter((_, i) => "status" in nodes[i]!);
  try {
    for (const member of (await askAny(answering, (admin) => admin.members())).members) names.learn(member);
  } catch (error) {
    if (!(error instanceof DynamoError)) throw error;
  }
  return names;
}

function statusText(nodes: readonly NodeReport[], names: NodeNames): string {
  const header = ["ADMIN", "STATE", "RING", "PEERS", "HINTS", "MARKERS", "TOMBSTONES", "UP", "NODE"];
  const sections = [formatTable(header, nodes.map(nodeRow))];
  const answered = nodes.flatMap((node) => ("status" in node ? [node.status] : []));
  for (const { node, state, stateReason } of answered)
    if (stateReason !== "") sections.push(`${names.nameOf(node.id)} is ${state}: ${stateReason}\n`);
  const hints = answered.flatMap((status) => hintRows(status, names));
  if (hints.length > 0) sections.push(`Hints pending:\n${formatTable(["KEPT BY", "FOR", "HINTS"], hints)}`);
  const repairs = answered.flatMap((status) => repairRows(status, names));
  const shown = repairs.length <= REPAIR_ROWS_MAX ? repairs : repairs.filter((row) => row[3] !== "equal");
  if (repairs.length > 0) {
    const left = repairs.length - shown.length;
    const title = left === 0 ? LAST_COMPARISON : `${LAST_COMPARISON} (${left} equal pairs left out)`;
    const columns = ["NODE", "WITH", "AGO", "OUTCOME", "MOVED", "LAST EQUAL", "REASON"];
    sections.push(`${title}:\n${formatTable(columns, shown)}`);
  }
  return sections.join("\n");
}

/** One that the other node began and that found differences is in the other node's row. */
const LAST_COMPARISON = "Last comparison that each node began, or that found it equal";
/** More pairs than a screen holds: then those that were found equal are left out. */
const REPAIR_ROWS_MAX = 30;

function nodeRow(node: NodeReport): string[] {
  if ("error" in node) return [node.endpoint, "UNREACHABLE", "-", "-", "-", "-", "-", "-", node.error];
  const { state, ring, peers, hints, uptimeSeconds } = node.status;
  const pending = Object.values(hints.pending).reduce((sum, count) => sum + count, 0);
  return [
    node.endpoint,
    state,
    ring.epoch === 0 ? "-" : `${ring.epoch} ${ring.hash.slice(0, 8)}`,
    [`${peers.up} up`, ...trouble(peers.slow, "SLOW"), ...trouble(peers.down, "DOWN")].join(", "),
    String(pending),
    String(hints.markers),
    shownTombstones(node.status),
    shownDuration(uptimeSeconds * 1_000),
    node.status.node.id,
  ];
}

/** A node of an earlier version does not count them. */
function shownTombstones({ tombstones }: Partial<Pick<AdminStatus, "tombstones">>): string {
  if (tombstones === undefined) return "-";
  return tombstones.inDoubt ? `about ${tombstones.count}` : String(tombstones.count);
}

function trouble(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}

function hintRows({ node, hints }: AdminStatus, names: NodeNames): string[][] {
  const pending = Object.entries(hints.pending).filter(([, count]) => count > 0);
  return names
    .sorted(pending, ([owner]) => owner)
    .map(([owner, count]) => [names.nameOf(node.id), names.nameOf(owner), String(count)]);
}

function repairRows({ node, antiEntropy }: AdminStatus, names: NodeNames): string[][] {
  const exchanges = Object.entries(antiEntropy.lastExchange);
  return names
    .sorted(exchanges, ([peer]) => peer)
    .map(([peer, last]) => [
      names.nameOf(node.id),
      names.nameOf(peer),
      shownDuration(last.agoMs),
      last.outcome === "failed" ? "FAILED" : last.outcome,
      String(last.recordsMoved),
      last.equalAgoMs === null ? "not since start" : `${shownDuration(last.equalAgoMs)} ago`,
      last.reason || "-",
    ]);
}
