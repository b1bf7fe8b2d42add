import { Option, type Command } from "commander";
import type { AdminRing, FormRingResult } from "../../../node/contract/admin-types.ts";
import type { RingChangeProgress } from "../../../node/contract/ring-change-types.ts";
import { askAny } from "../../ask-admins.ts";
import type { CliIo } from "../cli-io.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import {
  globalOptions,
  openAdmins,
  parseCount,
  readAdminToken,
  type GlobalOptions,
} from "../global-options.ts";
import { formatTable } from "../table.ts";
import { addRingChangeCommands } from "./ring-change.ts";
import { addRingRecoverCommand } from "./ring-recover.ts";

/** `dynamokv ring` shows the ring; `ring form` makes the first one, once in a cluster's life. */
interface FormOptions {
  readonly clusterId: string;
  readonly members?: readonly string[];
  readonly replicas?: number;
  readonly partitions?: number;
}

export function addRingCommand(program: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  const ring = program.command("ring").description("show the ring, form it, and change who is a member");
  ring
    .command("show", { isDefault: true })
    .description("show the ring: members, and how many partitions each owns")
    .action(async (_: unknown, command: Command) => {
      const options = globalOptions(command);
      const admins = openAdmins(options);
      try {
        const [document, progress] = await askAny(admins, async (admin) => [
          await admin.ring(),
          await admin.ringChangeProgress(),
        ]);
        io.out(options.output === "json" ? `${JSON.stringify(document)}\n` : ringText(document, progress));
        exit(EXIT.ok);
      } finally {
        for (const admin of admins) admin.close();
      }
    });
  ring
    .command("form")
    .description("form the first ring of a new cluster out of running nodes without one")
    .requiredOption("--cluster-id <name>", "lower-case letters, digits, '-'; at most 63")
    .addOption(
      new Option("--members <id,...>", "ids of the nodes (default: the nodes of --admin)").argParser((text) =>
        text.split(","),
      ),
    )
    .addOption(
      new Option(
        "--replicas <n>",
        "N: copies of each key, fixed for the cluster's life (default: 3)",
      ).argParser((text) => parseCount(text, { min: 1, max: 7 })),
    )
    .addOption(
      new Option(
        "--partitions <q>",
        "Q: a power of two, fixed for the cluster's life (default: 256)",
      ).argParser((text) => parseCount(text, { min: 8, max: 65_536 })),
    )
    .addHelpText(
      "after",
      "\nExample:\n  dynamokv ring form --cluster-id shop --admin http://a:9080,http://b:9080",
    )
    .action(async (_: unknown, command: Command) => {
      const options = { ...globalOptions(command), ...command.opts<FormOptions>() };
      const formed = await formRing(options);
      const { clusterId, epoch, hash } = formed;
      const text = `formed ring ${clusterId}, epoch ${epoch}, hash ${hash.slice(0, 8)}\n`;
      io.out(options.output === "json" ? `${JSON.stringify(formed)}\n` : text);
      exit(EXIT.ok);
    });
  addRingChangeCommands(ring, io, exit);
  addRingRecoverCommand(ring, io, exit);
}

async function formRing(options: GlobalOptions & FormOptions): Promise<FormRingResult> {
  const admins = openAdmins(options, await readAdminToken(options));
  const { clusterId, replicas, partitions } = options;
  try {
    const members =
      options.members ?? (await Promise.all(admins.map(async (admin) => (await admin.status()).node.id)));
    return await askAny(admins, (admin) =>
      admin.formRing({
        clusterId,
        members,
        ...(replicas === undefined ? {} : { replicas }),
        ...(partitions === undefined ? {} : { partitions }),
      }),
    );
  } finally {
    for (const admin of admins) admin.close();
  }
}

function ringText(ring: AdminRing, progress: RingChangeProgress | undefined): string {
  const { clusterId, generation, epoch, hash, parameters, change, departed = [] } = ring;
  const counts = ring.members.map(() => 0);
  for (const owner of ring.owners) counts[owner] = (counts[owner] ?? 0) + 1;
  const rows = ring.members.map((member, i) => [
    member.id,
    member.zone || "-",
    member.state,
    String(counts[i]),
  ]);
  const changing = change === null ? "none" : `${change.type} ${change.changeId} (${change.phase})`;
  const far =
    progress === undefined
      ? ""
      : `${progress.moved} of ${progress.total} copies are complete${progress.waitsFor === "" ? "" : `; ${progress.waitsFor}`}\n`;
  const left =
    departed.length === 0 ? "" : `left, and still to say that they keep nothing: ${departed.join(", ")}\n`;
  return (
    `cluster ${clusterId}, generation ${generation}, epoch ${epoch}, hash ${hash.slice(0, 8)}\n` +
    `${parameters.partitions} partitions, ${parameters.replicas} replicas, change under way: ${changing}\n${far}${left}` +
    formatTable(["NODE", "ZONE", "STATE", "PARTITIONS"], rows)
  );
}
