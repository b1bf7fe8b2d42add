import { readFileSync, writeFileSync } from "node:fs";
import { isObject } from "../http/error-answer.ts";
import { LOCAL_NODES_MAX, localClusterFile, type LocalSize } from "./local-layout.ts";

/**
 * What a local cluster was made with, kept beside its data: a later start must know how many nodes there are, also when
 * every one is down.
 */
export interface StoredCluster extends LocalSize {
  readonly clusterId: string;
  /** How many nodes formed the ring: N, and with it the quorums, went by that. */
  readonly formedWith: number;
}

/** Undefined where no cluster is stored. Throws where the file is not ours. */
export function readStoredCluster(directory: string): StoredCluster | undefined {
  const file = localClusterFile(directory);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  const stored = parse(text);
  if (stored === undefined) {
    throw new Error(
      `${file} does not describe a local cluster; restore it, or delete all its data with \`make wipe\``,
    );
  }
  return stored;
}

export function writeStoredCluster(directory: string, cluster: StoredCluster): void {
  writeFileSync(localClusterFile(directory), `${JSON.stringify(cluster)}\n`);
}

function parse(text: string): StoredCluster | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(body)) return undefined;
  const { clusterId, nodes, portOffset, formedWith = nodes } = body;
  if (typeof clusterId !== "string" || !Number.isInteger(portOffset)) return undefined;
  if (!isSize(nodes) || !isSize(formedWith)) return undefined;
  return { clusterId, nodes, portOffset: portOffset as number, formedWith };
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= LOCAL_NODES_MAX;
}
