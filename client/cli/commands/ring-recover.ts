import type { Command } from "commander";
import type { AdminRing } from "../../../node/contract/admin-types.ts";
import { latestRing } from "../../ring/latest-ring.ts";
import { nodeByName } from "../../ring/node-by-name.ts";
import type { CliIo } from "../cli-io.ts";
import { UsageError } from "../cli-error.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openAdmins, readAdminToken } from "../global-options.ts";

/** `dynamokv ring recover`: goes on with the survivors after most members are lost for good. */
interface RecoverOptions {
  readonly survivors: string;
  readonly yes?: boolean;
}

export function addRingRecoverCommand(ring: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  ring
    .command("recover")
    .description("go on with the survivors after a majority of the members is lost for good")
    .requiredOption("--survivors <node,...>", "all members that survive, by id, address or pod")
    .option("-y, --yes", "do it: without this it only says what it would do")
    .addHelpText(
      "after",
      "\nNo epoch of a ring can be decided without a majority of its members. This starts a higher generation with\n" +
        "the survivors alone. What only lost members kept is gone. A lost member that still runs, apart, serves the\n" +
        "older ring until it meets a survivor: be sure that it does not, and that it does not come back.\n" +
        "Refused where the survivors are a majority: use leave or replace then; not where so many of them have lost their\n" +
        "ring stores (ring.json) that none can be admitted. Until anti-entropy has compared the survivors, which takes\n" +
        "minutes, a read may miss what one of them alone has.\n\nExample:\n" +
        "  dynamokv ring recover --survivors 10.0.0.7:8080 --admin http://10.0.0.7:9080 --yes",
    )
    .action(async (_: unknown, command: Command) => {
      const options = { ...globalOptions(command), ...command.opts<RecoverOptions>() };
      const patient = { ...options, timeoutMs: Math.max(options.timeoutMs, PATIENCE_MS_MIN) };
      const admins = openAdmins(patient, await readAdminToken(options));
      try {
        const { ring: latest, admin } = await latestRing(admins, patient.timeoutMs);
        const { members } = await admin.members();
        const names = options.survivors.split(",").map((name) => name.trim());
        const survivors = names.map((name) => nodeByName(members, name).id);
        if (options.yes !== true) throw new UsageError(warning(latest, survivors));
        const { generation, epoch } = latest;
        const recovered = await admin.recoverRing({ survivors, generation, epoch });
        const text = `recovered: generation ${recovered.generation}, epoch ${recovered.epoch}, ${survivors.length} members\n`;
        io.out(options.output === "json" ? `${JSON.stringify(recovered)}\n` : text);
        exit(EXIT.ok);
      } finally {
        for (const admin of admins) admin.close();
      }
    });
}

function warning({ members, generation }: AdminRing, survivors: readonly string[]): string {
  const lost = members.filter(({ id }) => !survivors.includes(id)).map(({ id }) => `  ${id}`);
  return (
    `nothing was changed. With --yes generation ${generation + 1} begins with ${survivors.length} of ${members.length} members, and ` +
    `these never come back:\n${lost.join("\n")}`
  );
}

const PATIENCE_MS_MIN = 30_000;
