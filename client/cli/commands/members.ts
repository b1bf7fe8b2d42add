import type { Command } from "commander";
import type { AdminMember, AdminMembers } from "../../../node/contract/admin-types.ts";
import type { AdminClient } from "../../admin-client.ts";
import { askAny } from "../../ask-admins.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openAdmins } from "../global-options.ts";
import { NodeNames, shownDuration } from "../node-names.ts";
import { formatTable } from "../table.ts";

/**
 * `dynamokv members`: what one node believes of all; with --all, what each believes of each. Beliefs are local (a
 * netsplit shows as nodes that believe different things), so the table says who was asked.
 */
type Asked =
  | { readonly endpoint: string; readonly members: readonly AdminMember[] }
  | { readonly endpoint: string; readonly error: string };

export function addMembersCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("members")
    .description("show what a node (the first of --admin that answers) believes of each member")
    .option("--all", "ask every node of --admin: who believes whom down; exit code 1 if one does not answer")
    .action(async (_: unknown, command: Command) => {
      const options = globalOptions(command);
      const all = command.opts<{ all?: boolean }>().all === true;
      const admins = openAdmins(options);
      try {
        if (all) {
          const nodes = await Promise.all(admins.map(membersOf));
          io.out(options.output === "json" ? `${JSON.stringify({ nodes })}\n` : matrixText(nodes));
          exit(nodes.every((node) => "members" in node) ? EXIT.ok : EXIT.failed);
          return;
        }
        const { members } = await askAny(admins, (admin) => admin.members());
        io.out(options.output === "json" ? `${JSON.stringify({ members })}\n` : membersText(members));
        exit(EXIT.ok);
      } finally {
        for (const admin of admins) admin.close();
      }
    });
}

async function membersOf(admin: AdminClient): Promise<Asked> {
  const { endpoint } = admin;
  try {
    return { endpoint, members: (await admin.members()).members };
  } catch (error) {
    return { endpoint, error: error instanceof Error ? error.message : String(error) };
  }
}

function membersText(members: AdminMembers["members"]): string {
  const names = namesOf(members);
  const rows = names
    .sorted(members, ({ id }) => id)
    .map((member) => [
      names.nameOf(member.id),
      member.address || "unknown",
      member.zone || "-",
      member.state,
      member.self ? "self" : beliefText(member),
      // What a node said of itself before it went is no news of it.
      member.believed === "down" ? "-" : member.condition || "-",
      member.suspectedBy.map((id) => names.nameOf(id)).join(" ") || "-",
      member.version || "-",
      member.id,
    ]);
  const header = ["NODE", "PEERS", "ZONE", "STATE", "BELIEVED", "SAYS", "SUSPECTED BY", "VERSION", "ID"];
  return formatTable(header, rows);
}

/** "DOWN (silent) 12 s": what is wrong stands out, and says why and since when. */
function beliefText({ believed, reason, downSince }: AdminMember): string {
  if (believed === "up") return "up";
  if (believed === "slow") return `SLOW (${reason})`;
  const since = downSince === null ? "" : ` ${shownDuration(Date.now() - Date.parse(downSince))}`;
  return `DOWN (${reason.replaceAll("_", " ")})${since}`;
}

/** A row for each node that was asked, a column for each that somebody knows, by number. */
function matrixText(nodes: readonly Asked[]): string {
  const known = nodes.flatMap((node) => ("members" in node ? node.members : []));
  const names = namesOf(known);
  const ids = names.sorted([...new Set(known.map(({ id }) => id))], (id) => id);
  const rows = nodes.map((node) => {
    if ("error" in node) return [node.endpoint, ...ids.map(() => "?"), node.error];
    const byId = new Map(node.members.map((member) => [member.id, member]));
    const own = node.members.find(({ self }) => self);
    const about = ids.map((id) => cellText(byId.get(id)));
    return [
      node.endpoint,
      ...about,
      own === undefined ? "-" : `${names.nameOf(own.id)} says ${own.condition}`,
    ];
  });
  const legend = ids.map((id, i) => [String(i + 1), names.nameOf(id), id]);
  const columns = ids.map((_, i) => String(i + 1));
  return (
    `${formatTable(["#", "NODE", "ID"], legend)}\n` +
    `Who (row) believes what of whom (column):\n${formatTable(["ADMIN", ...columns, "ABOUT ITSELF"], rows)}`
  );
}

function cellText(member: AdminMember | undefined): string {
  if (member === undefined) return "unknown";
  return member.self ? "self" : member.believed === "up" ? "up" : member.believed.toUpperCase();
}

function namesOf(members: readonly AdminMember[]): NodeNames {
  const names = new NodeNames();
  for (const member of members) names.learn(member);
  return names;
}
