import type { Command } from "commander";
import type { AdminMember } from "../../../node/contract/admin-types.ts";
import { askAny } from "../ask-any.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openAdmins } from "../global-options.ts";
import { formatTable } from "../table.ts";

/** `dynamokv members`: what one node believes of all. */
export function addMembersCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("members")
    .description("show what a node (the first of --admin that answers) believes of each member")
    .action(async (_: unknown, command: Command) => {
      const options = globalOptions(command);
      const admins = openAdmins(options);
      try {
        const { members } = await askAny(admins, (admin) => admin.members());
        io.out(options.output === "json" ? `${JSON.stringify({ members })}\n` : membersText(members));
        exit(EXIT.ok);
      } finally {
        for (const admin of admins) admin.close();
      }
    });
}

function membersText(members: readonly AdminMember[]): string {
  const rows = members.map((member) => [
    member.clientAddress || "unknown",
    member.address || "unknown",
    member.zone || "-",
    member.state,
    member.self ? "self" : member.reachable ? "yes" : "NO",
    member.version || "-",
    member.id,
  ]);
  return formatTable(["CLIENTS", "PEERS", "ZONE", "STATE", "REACHABLE", "VERSION", "NODE"], rows);
}
