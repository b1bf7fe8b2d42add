import { DynamoError } from "../dynamo-error.ts";
import type { CliIo } from "./cli-io.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";

/** Wrong usage that only the command itself can see: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Says what went wrong and what to do, as text or JSON on stderr; answers the exit code. */
export function reportError(error: unknown, io: CliIo, output: "text" | "json"): ExitCode {
  if (output === "json") io.err(`${JSON.stringify({ error: describe(error) })}\n`);
  else io.err(`dynamokv: ${textOf(error)}\n`);
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof DynamoError)) return EXIT.failed;
  if (error.maybeApplied) return EXIT.maybeApplied;
  return error.code === "invalid_argument" ? EXIT.usage : EXIT.failed;
}

function textOf(error: unknown): string {
  if (!(error instanceof DynamoError)) return messageOf(error);
  const details = [`code ${error.code}`, ...(error.requestId === "" ? [] : [`request ${error.requestId}`])];
  const advice = adviceFor(error);
  return `${error.message}\n  (${details.join(", ")})${advice === "" ? "" : `\n  ${advice}`}`;
}

function adviceFor(error: DynamoError): string {
  if (error.code === "undecided" && error.maybeApplied)
    return "It may still begin or end: see `dynamokv ring show` before you ask again.";
  if (error.maybeApplied) return "The write may have been applied: get the key before you write again.";
  switch (error.code) {
    case "unreachable":
      return "Is the cluster up (`make up`)? Name its nodes with --endpoint and --admin.";
    case "timeout":
      return "Try again, or allow more time with --timeout-ms.";
    case "no_ring":
      return "The nodes are not formed into a ring yet: `dynamokv ring form --cluster-id NAME`.";
    case "too_many_siblings":
      return "Resolve the key first: `dynamokv put BUCKET KEY VALUE --resolve`.";
    case "change_under_way":
      return "See how far it is with `dynamokv ring show`; `dynamokv ring cancel` takes it back.";
    case "epoch_passed":
    case "overtaken":
      return "The ring has changed meanwhile: look at it (`dynamokv ring show`) and ask again.";
    case "majority_survives":
      return "`dynamokv ring leave` and `dynamokv ring replace` work without the lost members.";
    case "unauthorized":
      return "Name the cluster's secret with --secret-file.";
    default:
      return error.retriable ? "Nothing was applied; try again." : "";
  }
}

function describe(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof DynamoError)) {
    return { code: error instanceof UsageError ? "usage" : "failed", message: messageOf(error) };
  }
  const { code, message, status, maybeApplied, retriable, requestId, endpoint, context } = error;
  return { code, message, status, maybeApplied, retriable, requestId, endpoint, context };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
