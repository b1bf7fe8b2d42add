import path from "node:path";

/**
 * Where everything of a local cluster is. Node i (from 1) takes clients at 808i, admin at 908i, peers at 708i, and
 * keeps its files under `node-i/`; the rest of the program asks this file and computes no port of its own.
 */
export interface LocalNode {
  /** From 1. */
  readonly index: number;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly pidFile: string;
  /** host:port each. */
  readonly client: string;
  readonly admin: string;
  readonly peer: string;
}

export const LOCAL_NODES_MAX = 9;
export const LOCAL_DIRECTORY = ".local";

const HOST = "127.0.0.1";

/** @param portOffset added to every port: a second cluster on one machine needs its own */
export function localNode(directory: string, index: number, portOffset: number): LocalNode {
  const own = path.resolve(directory, `node-${index}`);
  const at = (base: number): string => `${HOST}:${base + index + portOffset}`;
  return {
    index,
    directory: own,
    dataDirectory: path.join(own, "data"),
    logFile: path.join(own, "log"),
    pidFile: path.join(own, "pid"),
    client: at(8_080),
    admin: at(9_080),
    peer: at(7_080),
  };
}

export function localNodes(directory: string, { nodes, portOffset }: LocalSize): LocalNode[] {
  return Array.from({ length: nodes }, (_, i) => localNode(directory, i + 1, portOffset));
}

export interface LocalSize {
  readonly nodes: number;
  readonly portOffset: number;
}

export function localSecretFile(directory: string): string {
  return path.resolve(directory, "cluster-secret");
}

/** What the cluster was made with; written before its first node starts. */
export function localClusterFile(directory: string): string {
  return path.resolve(directory, "cluster.json");
}
