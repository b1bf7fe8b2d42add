import type { Command } from "commander";
import type { AdminPreferenceList } from "../../../node/contract/admin-types.ts";
import { askAny } from "../../ask-admins.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openAdmins } from "../global-options.ts";
import { formatTable } from "../table.ts";

/** `dynamokv locate`: where a key lives, i.e. its preference list (Dynamo §4.3). */
export function addLocateCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  program
    .command("locate")
    .description("show the nodes that keep a key: its owners, then the stand-ins")
    .argument("<bucket>")
    .argument("<key>")
    .addHelpText("after", "\nExample:\n  dynamokv locate carts alice")
    .action(async (bucket: string, key: string, _: unknown, command: Command) => {
      const options = globalOptions(command);
      const admins = openAdmins(options);
      try {
        const list = await askAny(admins, (admin) => admin.preferenceList(bucket, key));
        io.out(options.output === "json" ? `${JSON.stringify(list)}\n` : preferenceListText(list));
        exit(EXIT.ok);
      } finally {
        for (const admin of admins) admin.close();
      }
    });
}

function preferenceListText(list: AdminPreferenceList): string {
  const rows = [
    ...list.owners.map((node, i) => [`owner ${i + 1}`, node.address || "unknown", node.zone || "-", node.id]),
    ...list.fallbacks.map((node, i) => [
      `stand-in ${i + 1}`,
      node.address || "unknown",
      node.zone || "-",
      node.id,
    ]),
  ];
  const head = `position ${list.position}, partition ${list.partition}\n`;
  return head + formatTable(["ROLE", "PEER ADDRESS", "ZONE", "NODE"], rows);
}
