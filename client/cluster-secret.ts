import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { adminToken } from "../node/contract/admin-token.ts";
import { DynamoError } from "./dynamo-error.ts";

/**
 * The file of the cluster secret: lines of `<key id 0-255> <base64 of 32 bytes>`, the first one in use, the others
 * still accepted. Whoever can read it may administer the cluster, so it is created readable for its owner only.
 */
export async function adminTokenFrom(secretFile: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(secretFile, "utf8");
  } catch (cause) {
    throw unusable(
      `cannot read the cluster secret ${secretFile}: ${String(cause)}; name it with --secret-file`,
      cause,
    );
  }
  const line = text.split("\n").find((candidate) => candidate.trim() !== "" && !candidate.startsWith("#"));
  const match = /^(\d{1,3}) ([A-Za-z0-9+/]{43}=)$/.exec(line?.trim() ?? "");
  if (match === null || Number(match[1]) > 255) {
    throw unusable(
      `${secretFile} is no cluster secret: expected a line "<key id 0-255> <base64 of 32 bytes>"`,
    );
  }
  return adminToken(Buffer.from(match[2]!, "base64"));
}

/** Creates the file unless it exists; 0600. */
export async function ensureClusterSecret(secretFile: string): Promise<void> {
  try {
    await writeFile(secretFile, `1 ${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function unusable(message: string, cause?: unknown): DynamoError {
  return new DynamoError(message, { code: "invalid_argument", cause });
}
