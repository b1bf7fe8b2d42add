import { randomBytes } from "node:crypto";
import { readdirSync, rmdirSync, rmSync } from "node:fs";
import path from "node:path";
import { adminTokenFrom, ensureClusterSecret } from "../cluster-secret.ts";
import { withDirectoryLock } from "./directory-lock.ts";
import {
  LOCAL_NODES_MAX,
  localClusterFile,
  localNode,
  localNodes,
  localSecretFile,
  type LocalNode,
  type LocalSize,
} from "./local-layout.ts";
import { clearStale, runningPid, startNode, stopNode } from "./node-process.ts";
import { isPortFree, portHolder } from "./port-holder.ts";
import { awaitServing } from "./ring-start.ts";
import { readStoredCluster, writeStoredCluster, type StoredCluster } from "./stored-cluster.ts";

/**
 * A whole cluster on one machine, without Kubernetes: up, down, wipe. Each is safe to repeat: `up` starts only what
 * is not running, `down` stops only processes that are provably ours, `wipe` removes only files that this program
 * made. The first `up` forms the ring; one with another number of nodes lets nodes join or leave.
 */
export interface LocalClusterOptions {
  readonly directory: string;
  /** Undefined: as stored, else 3. */
  readonly nodes: number | undefined;
  readonly portOffset: number | undefined;
  /** One line a step, for a person who waits. */
  readonly progress: (line: string) => void;
}

export const LOCAL_NODES_DEFAULT = 3;

/** Resolves when every node serves the ring. Rejects with an Error that says what to do. */
export function localUp(options: LocalClusterOptions): Promise<readonly LocalNode[]> {
  return withDirectoryLock(options.directory, options.progress, () => start(options));
}

async function start(options: LocalClusterOptions): Promise<readonly LocalNode[]> {
  const { directory, progress } = options;
  const stored = readStoredCluster(directory);
  const size = sizeOf(options, stored);
  // Nodes that shall leave have to run to hand over what they keep.
  const nodes = localNodes(directory, { ...size, nodes: Math.max(size.nodes, stored?.nodes ?? 0) });
  const dead = await clearStale(nodes);
  await refuseTakenPorts(dead);
  const secretFile = localSecretFile(directory);
  await ensureClusterSecret(secretFile);
  const cluster = {
    ...(stored ?? { clusterId: `local-${randomBytes(4).toString("hex")}`, formedWith: size.nodes }),
    ...size,
    nodes: nodes.length,
  };
  // Before the nodes start: a start that is interrupted is completed by the next.
  if (stored?.nodes !== nodes.length) writeStoredCluster(directory, cluster);
  for (const node of dead) {
    progress(`starting node ${node.index} (log: ${shownPath(node.logFile)})`);
    startNode(node, nodeFlags(node, { nodes, secretFile, formedWith: cluster.formedWith }));
  }
  if (dead.length === 0) progress(`all ${nodes.length} nodes are running already`);
  await awaitServing({
    nodes,
    size: size.nodes,
    clusterId: cluster.clusterId,
    token: await adminTokenFrom(secretFile),
    progress,
  });
  await removeSurplus(options, nodes.slice(size.nodes));
  if (size.nodes < nodes.length) writeStoredCluster(directory, { ...cluster, nodes: size.nodes });
  return nodes.slice(0, size.nodes);
}

/** They have left the ring, and others have all that they kept. */
async function removeSurplus(
  { progress }: LocalClusterOptions,
  surplus: readonly LocalNode[],
): Promise<void> {
  for (const node of surplus) {
    await stopNode(node);
    rmSync(node.directory, { recursive: true, force: true });
    progress(`node ${node.index} has left: stopped, and its files are deleted`);
  }
}

type DownOptions = Pick<LocalClusterOptions, "directory" | "progress">;

export async function localDown(options: DownOptions): Promise<void> {
  const { directory, progress } = options;
  if (namesIn(directory) === undefined) progress(NOTHING_RUNS);
  else await withDirectoryLock(directory, progress, () => stop(options));
}

/** Stops the nodes, then deletes their data, logs and secret. */
export async function localWipe(options: DownOptions): Promise<void> {
  const { directory, progress } = options;
  if (namesIn(directory) === undefined) {
    progress("there is no local cluster to delete");
    return;
  }
  await withDirectoryLock(directory, progress, async () => {
    await stop(options);
    for (const node of existingNodes(directory)) rmSync(node.directory, { recursive: true, force: true });
    rmSync(localClusterFile(directory), { force: true });
    rmSync(localSecretFile(directory), { force: true });
  });
  if (namesIn(directory)?.length === 0) rmdirSync(directory);
  progress("the local cluster's data is deleted");
}

async function stop({ directory, progress }: DownOptions): Promise<void> {
  const outcomes = await Promise.all(
    existingNodes(directory).map(async (node) => {
      const outcome = await stopNode(node);
      if (outcome === "stopped") progress(`node ${node.index} stopped`);
      if (outcome === "killed")
        progress(`node ${node.index} did not stop in time: killed (see ${node.logFile})`);
      return outcome;
    }),
  );
  if (outcomes.every((outcome) => outcome === "not_running")) progress(NOTHING_RUNS);
}

const NOTHING_RUNS = "no node of the local cluster is running";

/** Each node of the stored cluster with its process, if it runs. Empty where there is none. */
export async function localNodesWithPids(
  directory: string,
): Promise<{ node: LocalNode; pid: number | undefined }[]> {
  const stored = readStoredCluster(directory);
  if (stored === undefined) return [];
  return Promise.all(
    localNodes(directory, stored).map(async (node) => ({ node, pid: await runningPid(node) })),
  );
}

function sizeOf(
  { directory, nodes, portOffset }: LocalClusterOptions,
  stored: StoredCluster | undefined,
): LocalSize {
  if (stored === undefined) return { nodes: nodes ?? LOCAL_NODES_DEFAULT, portOffset: portOffset ?? 0 };
  if (portOffset !== undefined && portOffset !== stored.portOffset) {
    throw new Error(
      `${directory} was made with --port-offset ${stored.portOffset}; use the same, or wipe it first`,
    );
  }
  return { nodes: nodes ?? stored.nodes, portOffset: stored.portOffset };
}

async function refuseTakenPorts(nodes: readonly LocalNode[]): Promise<void> {
  const taken: string[] = [];
  for (const node of nodes) {
    for (const [what, address] of [
      ["clients", node.client],
      ["admin", node.admin],
      ["peers", node.peer],
    ] as const) {
      if (!(await isPortFree(address)))
        taken.push(`  ${address} (node ${node.index}, ${what}): ${portHolder(address)}`);
    }
  }
  if (taken.length === 0) return;
  throw new Error(
    `nothing was started, because ports are taken:\n${taken.join("\n")}\n` +
      `Stop what listens there (a local cluster of another directory: \`make down\` there), or choose other ports:\n` +
      `  npx dynamokv local up --port-offset 100`,
  );
}

/** As a person would type it from here. */
function shownPath(file: string): string {
  const relative = path.relative("", file);
  return relative.startsWith("..") ? file : relative;
}

/** A ring of fewer than three nodes was formed with fewer copies, and smaller quorums; else the nodes' own defaults hold. */
function nodeFlags(
  node: LocalNode,
  cluster: { nodes: readonly LocalNode[]; secretFile: string; formedWith: number },
): string[] {
  const { nodes, secretFile, formedWith } = cluster;
  const quorum = Math.min(2, formedWith);
  const flags: Readonly<Record<string, string>> = {
    "data-dir": node.dataDirectory,
    "client-listen": node.client,
    "admin-listen": node.admin,
    "peer-listen": node.peer,
    seeds: nodes.map((peer) => peer.peer).join(","),
    "cluster-secret-file": secretFile,
    "read-quorum": String(quorum),
    "write-quorum": String(quorum),
    "shutdown-serve-ms": "0",
  };
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
}

/** By their directories, not by the stored size: also what a broken start left behind is found. */
function existingNodes(directory: string): LocalNode[] {
  const names = namesIn(directory) ?? [];
  return Array.from({ length: LOCAL_NODES_MAX }, (_, i) => localNode(directory, i + 1, 0)).filter((node) =>
    names.includes(path.basename(node.directory)),
  );
}

function namesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
