import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseNodeId, type NodeId } from "../core/node-id.ts";

/**
 * Who this node is: node.json on its volume, apart from the databases, made once. Pod name and address may change;
 * this may not, because the ring names owners by it.
 * Invariant: a file that is there is never replaced, whatever it holds: a new identity in its place would leave the
 * ring with an owner that never comes back. The one exception is an empty node that takes over a lost member's id.
 */
export interface NodeIdentity {
  readonly id: NodeId;
  /** ISO 8601, for people. */
  readonly createdAt: string;
  /** True where this call made it. */
  readonly created: boolean;
}

const FILE = "node.json";

/** Reads the identity in `dataDir` (created if missing), or makes one. Throws an Error that says what to do. */
export function openNodeIdentity(dataDir: string): NodeIdentity {
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, FILE);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return createIdentity(dataDir, path);
    throw new Error(`cannot read this node's identity ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return parseIdentity(path, text);
}

function parseIdentity(path: string, text: string): NodeIdentity {
  const advice =
    "restore it from a backup, or empty the whole data directory and replace this node in the ring";
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON (${text.length} characters): ${advice}`);
  }
  const { id, createdAt } = (document ?? {}) as { id?: unknown; createdAt?: unknown };
  if (typeof id !== "string" || typeof createdAt !== "string") {
    throw new Error(`${path} must hold {"id", "createdAt"}: ${advice}`);
  }
  try {
    return { id: parseNodeId(id), createdAt, created: false };
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}: ${advice}`, { cause: error });
  }
}

function createIdentity(dataDir: string, path: string): NodeIdentity {
  const id = parseNodeId(randomUUID());
  const createdAt = writeIdentity(dataDir, path, id);
  return { id, createdAt, created: true };
}

/** From the next start on this node is `id`. Whoever calls it knows that nothing is kept under the old one. */
export function adoptIdentity(dataDir: string, id: NodeId): void {
  writeIdentity(dataDir, join(dataDir, FILE), id);
}

/** Durable when it returns. */
function writeIdentity(dataDir: string, path: string, id: NodeId): string {
  const createdAt = new Date().toISOString();
  const temporary = `${path}.${process.pid}.new`;
  const file = openSync(temporary, "w", 0o644);
  try {
    writeSync(file, `${JSON.stringify({ id, createdAt })}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  // The name is only durable once its directory is.
  const directory = openSync(dataDir, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
  return createdAt;
}
