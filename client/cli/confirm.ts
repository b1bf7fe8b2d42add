import { UsageError } from "./cli-error.ts";
import type { CliIo } from "./cli-io.ts";

/**
 * Whether a person agrees to what was just shown. Only a terminal can be asked: a script says --yes, or nothing is done.
 */
export async function confirm(
  io: CliIo,
  { question, yes }: { question: string; yes: boolean },
): Promise<boolean> {
  if (yes) return true;
  if (!io.stdinIsTerminal || !io.stderrIsTerminal)
    throw new UsageError("nothing was changed: say --yes to do this without being asked");
  io.err(`${question} [y/N] `);
  for await (const chunk of io.stdin) return /^\s*y(es)?\s*$/i.test(Buffer.from(chunk).toString("utf8"));
  return false;
}
