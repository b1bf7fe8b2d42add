import { Argument, type Command } from "commander";
import type {
  PlanRingChangeRequest,
  RingChangeType,
  RingPlan,
} from "../../../node/contract/ring-change-types.ts";
import type { AdminClient } from "../../admin-client.ts";
import { askMember } from "../../ask-admins.ts";
import { nodeByName } from "../../ring/node-by-name.ts";
import { type RoomLack, roomLacks, roomLackText } from "../../ring/plan-room.ts";
import { latestRing } from "../../ring/latest-ring.ts";
import { beginPlanned, cancelChange, drawChangeId, watchChange } from "../../ring/ring-change.ts";
import { UsageError } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { confirm } from "../confirm.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { globalOptions, openAdmins, readAdminToken, type GlobalOptions } from "../global-options.ts";
import { NodeNames } from "../node-names.ts";
import { ProgressBar } from "../progress-bar.ts";
import { ringPlanText } from "../ring-plan-text.ts";

/** `dynamokv ring plan|join|leave|replace|cancel`: what a change would do, doing it, and taking it back. */
interface ChangeOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
  /** False with --no-wait. */
  readonly wait: boolean;
}

/** A plan, and the nodes that have no room for it as far as the admin ports that were named tell. */
interface Planned {
  readonly plan: RingPlan & { readonly noRoom: readonly RoomLack[] };
  readonly names: NodeNames;
}

interface Asked {
  readonly options: GlobalOptions;
  readonly admins: readonly AdminClient[];
  readonly io: CliIo;
}

const NODES = "id, beginning of an id, address or pod of a node; `dynamokv members` lists them";
const OLD_AND_NEW = "OLD leaves and NEW takes its partitions";

export function addRingChangeCommands(ring: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  addPlanCommand(ring, io, exit);
  addChangeCommand(ring, io, exit, {
    type: "join",
    says: "make running nodes members, and move to them what they come to own",
    usage: "<node...>",
    example: "dynamokv ring join 10.0.0.8:8080 10.0.0.9:8080",
  });
  addChangeCommand(ring, io, exit, {
    type: "leave",
    says: "move everything away from members, and make them members no more",
    usage: "<node...>",
    example: "dynamokv ring leave 10.0.0.9:8080",
  });
  addChangeCommand(ring, io, exit, {
    type: "replace",
    says: `put one node in the place of another, also of one that is lost for good: ${OLD_AND_NEW}`,
    usage: "<old> <new>",
    example: "dynamokv ring replace 3f2a91c0 10.0.0.8:8080 --yes",
  });
  addCancelCommand(ring, io, exit);
}

function addPlanCommand(ring: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  ring
    .command("plan")
    .description(
      "show what a change would move, how many bytes, and who has how much afterwards; changes nothing",
    )
    .addArgument(new Argument("<type>", "which change").choices(["join", "leave", "replace"]))
    .argument("<node...>", `${NODES}; of a replace: OLD NEW, ${OLD_AND_NEW}`)
    .addHelpText(
      "after",
      "\nExamples:\n  dynamokv ring plan join 10.0.0.8:8080 10.0.0.9:8080\n" +
        "  dynamokv ring plan leave demo-4\n  dynamokv ring plan replace 3f2a91c0 demo-5 --output json",
    )
    .action(async (type: RingChangeType, nodes: string[], _: unknown, command: Command) => {
      await withAdmins(command, io, async (asked) => {
        const { plan, names } = await planOf(asked, type, nodes);
        const text = ringPlanText(plan, names) + noRoomText(plan.noRoom, names);
        io.out(asked.options.output === "json" ? `${JSON.stringify(plan)}\n` : text);
        exit(EXIT.ok);
      });
    });
}

function addChangeCommand(
  ring: Command,
  io: CliIo,
  exit: (code: ExitCode) => void,
  { type, says, usage, example }: { type: RingChangeType; says: string; usage: string; example: string },
): void {
  const command = ring.command(type).description(says);
  if (type === "replace") command.argument("<old>", NODES).argument("<new>", NODES);
  else command.argument(usage, NODES);
  command
    .option("-y, --yes", "begin without asking; needed where there is no terminal to ask at")
    .option("--force", "begin though a node seems to have no room for what it would receive")
    .option("--no-wait", "return once the change has begun; it goes on by itself")
    .addHelpText(
      "after",
      `\nShows the plan, asks, begins the change and shows how far it is until it is over. Reads and writes go on\n` +
        `meanwhile. Ending this command does not end the change: \`dynamokv ring show\` tells how far it is,\n` +
        `\`dynamokv ring cancel\` takes it back as long as the data moves.\n\nExample:\n  ${example}`,
    )
    .action(async () => {
      const nodes = command.processedArgs.flat() as string[];
      await withAdmins(command, io, async (asked) => {
        exit(await change(asked, type, { nodes, ...command.opts<ChangeOptions>() }));
      });
    });
}

function addCancelCommand(ring: Command, io: CliIo, exit: (code: ExitCode) => void): void {
  ring
    .command("cancel")
    .description("take back the change under way, as long as it has not flipped to the new owners")
    .argument("[change-id]", "only if the change under way is this one (default: whatever it is)")
    .addHelpText("after", "\nExample:\n  dynamokv ring cancel")
    .action(async (given: string | undefined, _: unknown, command: Command) => {
      await withAdmins(command, io, async ({ options, admins }) => {
        const changeId = given ?? (await latestRing(admins)).ring.change?.changeId;
        if (changeId === undefined)
          throw new UsageError("no change is under way: there is nothing to cancel");
        const result = await cancelChange(admins, changeId);
        const text = `change ${changeId} is cancelled: the ring is as before, at epoch ${result.epoch}\n`;
        io.out(options.output === "json" ? `${JSON.stringify(result)}\n` : text);
        exit(EXIT.ok);
      });
    });
}

async function change(
  asked: Asked,
  type: RingChangeType,
  { nodes, yes = false, force = false, wait }: ChangeOptions & { readonly nodes: readonly string[] },
): Promise<ExitCode> {
  const { admins, io, options } = asked;
  const isText = options.output === "text";
  const { plan, names } = await planOf(asked, type, nodes);
  if (isText) io.out(ringPlanText(plan, names));
  const notBegun = (outcome: "no_room" | "declined", text: string): ExitCode => {
    io.err(text);
    if (!isText) io.out(`${JSON.stringify({ outcome, plan })}\n`);
    return EXIT.failed;
  };
  if (plan.noRoom.length > 0) {
    io.err(noRoomText(plan.noRoom, names));
    const advice =
      "nothing was changed: give these nodes larger volumes, or begin all the same with --force\n";
    if (!force) return notBegun("no_room", advice);
  }
  if (!(await confirm(io, { question: "Begin?", yes }))) return notBegun("declined", "nothing was changed\n");
  const changeId = drawChangeId(type);
  const begun = await beginPlanned(admins, plan, changeId);
  if (!wait) {
    const text = `change ${changeId} has begun with epoch ${begun.epoch}; see \`dynamokv ring show\`\n`;
    io.out(isText ? text : `${JSON.stringify({ changeId, outcome: "begun", epoch: begun.epoch, plan })}\n`);
    return EXIT.ok;
  }
  const { kind, epoch } = await watch(asked, plan, begun);
  const ending = kind === "done" ? `is done: epoch ${epoch}` : `was cancelled: the ring is as before`;
  io.out(
    isText
      ? `change ${changeId} ${ending}\n`
      : `${JSON.stringify({ changeId, outcome: kind, epoch, plan })}\n`,
  );
  return kind === "done" ? EXIT.ok : EXIT.failed;
}

async function watch(
  { admins, io }: Asked,
  { joining, leaving }: RingPlan,
  { changeId, epoch }: { changeId: string; epoch: number },
): Promise<{ kind: "done" | "cancelled"; epoch: number }> {
  const bar = new ProgressBar(io);
  try {
    const end = await watchChange(admins, {
      changeId,
      epoch,
      joining,
      leaving,
      onProgress: ({ phase, moved, total, waitsFor }) =>
        bar.show({
          what: phase === "transfer" ? "moving copies" : "ending",
          done: moved,
          total,
          note: waitsFor,
        }),
      onTrouble: (message) => {
        bar.close();
        io.err(`no node answers (${message}): the change goes on without this command, looking again\n`);
      },
    });
    return { kind: end.kind, epoch: end.ring.epoch };
  } finally {
    bar.close();
  }
}

async function planOf({ admins }: Asked, type: RingChangeType, nodes: readonly string[]): Promise<Planned> {
  return askMember(admins, async (admin) => {
    const { members } = await admin.members();
    const names = new NodeNames();
    for (const member of members) names.learn(member);
    const ids = nodes.map((name) => nodeByName(members, name).id);
    const plan = await admin.planRingChange(requestOf(type, ids));
    return { plan: { ...plan, noRoom: roomLacks(plan, await freeBytesOf(admins)) }, names };
  });
}

/** Of the nodes whose admin port was named and answers. */
async function freeBytesOf(admins: readonly AdminClient[]): Promise<ReadonlyMap<string, number>> {
  const answers = await Promise.allSettled(admins.map((admin) => admin.status()));
  const statuses = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
  return new Map(statuses.map(({ node, storage }) => [node.id, storage.volumeFreeBytes]));
}

function noRoomText(lacks: readonly RoomLack[], names: NodeNames): string {
  return lacks.map((lack) => `no room: ${roomLackText(lack, names.nameOf(lack.id))}\n`).join("");
}

function requestOf(type: RingChangeType, ids: readonly string[]): PlanRingChangeRequest {
  switch (type) {
    case "join":
      return { type, joining: ids };
    case "leave":
      return { type, leaving: ids };
    case "replace": {
      if (ids.length !== 2) throw new UsageError("a replace names two nodes: OLD NEW");
      const [old, next] = ids as [string, string];
      return { type, leaving: [old], joining: [next] };
    }
  }
}

/** Beginning a change waits for the disks of a majority, a plan for a scan of the roots: longer than other requests. */
const PATIENCE_MS_MIN = 30_000;

async function withAdmins(command: Command, io: CliIo, act: (asked: Asked) => Promise<void>): Promise<void> {
  const options = globalOptions(command);
  const patient = { ...options, timeoutMs: Math.max(options.timeoutMs, PATIENCE_MS_MIN) };
  const admins = openAdmins(patient, await readAdminToken(options));
  try {
    await act({ options, admins, io });
  } finally {
    for (const admin of admins) admin.close();
  }
}
