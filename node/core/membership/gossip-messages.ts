import { MalformedBytes } from "../bytes/byte-reader.ts";
import { isNodeId, type NodeId } from "../node-id.ts";
import type { ControlMessage } from "../ports/control-calls.ts";
import type { Ring, RingParameters } from "../ring/ring.ts";
import { type MemberEntry, parseEntry, parseStamp, type Stamp } from "./member-entry.ts";

/**
 * What members say to each other about themselves, as control messages. A round is `gossip.digest` (the stamps of all I
 * know), answered by `gossip.delta` (what of it is old, and what I want), and where something is wanted `gossip.push`,
 * answered by `gossip.done`. `gossip.ping` asks for a sign of life and gets `gossip.pong`. Every message that
 * carries entries also says which ring its sender serves; one of another cluster is answered by `gossip.refused`.
 *
 * 200 members make a digest of 12 KiB. Entries travel as many as fit into `ENTRIES_BYTES_MAX`, the rest in later rounds.
 */
export interface RingSummary extends Pick<Ring, "clusterId" | "generation" | "epoch" | "parameters"> {
  /** ring-document.ts `ringDigest`. */
  readonly digest: string;
}

export interface Digest {
  readonly ring: RingSummary | undefined;
  readonly stamps: readonly Stamp[];
}

export interface Delta {
  readonly ring: RingSummary | undefined;
  readonly entries: readonly MemberEntry[];
  readonly wanted: readonly NodeId[];
}

export const PING: ControlMessage = { type: "gossip.ping" };
export const PONG: ControlMessage = { type: "gossip.pong" };
export const DONE: ControlMessage = { type: "gossip.done" };

/** Together with the ids that are wanted a message stays below the 64 KiB of one frame. */
export const ENTRIES_BYTES_MAX = 40 * 1024;
const WANTED_MAX = 400;
/** More than any cluster has. */
const STAMPS_MAX = 12_000;
const ENTRIES_MAX = 1_000;

export function digestMessage({ ring, stamps }: Digest): ControlMessage {
  return { type: "gossip.digest", ring: ring ?? null, stamps };
}

export function deltaMessage({ ring, entries, wanted }: Delta): ControlMessage {
  return {
    type: "gossip.delta",
    ring: ring ?? null,
    entries: fitting(entries),
    wanted: wanted.slice(0, WANTED_MAX),
  };
}

export function pushMessage(entries: readonly MemberEntry[]): ControlMessage {
  return { type: "gossip.push", entries: fitting(entries) };
}

export function refusedMessage(reason: string): ControlMessage {
  return { type: "gossip.refused", reason };
}

/** Throws MalformedBytes, also where a single stamp is not one. */
export function parseDigest(message: ControlMessage): Digest {
  const stamps = listOf(message, "stamps", STAMPS_MAX).map((value) => {
    const stamp = parseStamp(value);
    if (stamp === undefined) throw new MalformedBytes("gossip.digest: stamps are not [id, number, number]");
    return stamp;
  });
  return { ring: parseRingSummary(message["ring"]), stamps };
}

/** Throws MalformedBytes. */
export function parseDelta(message: ControlMessage): Delta {
  if (message.type !== "gossip.delta")
    throw new MalformedBytes(`${message.type.slice(0, 64)} is no gossip.delta`);
  const wanted = listOf(message, "wanted", STAMPS_MAX);
  if (!wanted.every(isNodeId)) throw new MalformedBytes("gossip.delta: wanted are not node ids");
  return { ring: parseRingSummary(message["ring"]), entries: parseEntries(message), wanted };
}

/** The entries of a push or a delta. Throws MalformedBytes. */
export function parseEntries(message: ControlMessage): MemberEntry[] {
  return listOf(message, "entries", ENTRIES_MAX).map((value) => {
    const entry = parseEntry(value);
    if (entry === undefined) throw new MalformedBytes(`${message.type.slice(0, 64)}: an entry is malformed`);
    return entry;
  });
}

/** Why two nodes with these rings must not gossip; undefined where they may. A node without a ring may with all. */
export function ringsDiffer(
  ours: RingSummary | undefined,
  theirs: RingSummary | undefined,
): string | undefined {
  if (ours === undefined || theirs === undefined) return undefined;
  if (ours.clusterId !== theirs.clusterId)
    return `other cluster: ${theirs.clusterId} instead of ${ours.clusterId}`;
  const differing = PARAMETERS.find((name) => ours.parameters[name] !== theirs.parameters[name]);
  if (differing === undefined) return undefined;
  return `other parameters: ${differing} is ${theirs.parameters[differing]} instead of ${ours.parameters[differing]}`;
}

const PARAMETERS = [
  "partitions",
  "replicas",
  "hash",
  "leafFormat",
] as const satisfies readonly (keyof RingParameters)[];

function parseRingSummary(value: unknown): RingSummary | undefined {
  if (value === null || value === undefined) return undefined;
  const { clusterId, generation, epoch, digest, parameters } = value as Record<string, unknown>;
  const { partitions, replicas, hash, leafFormat } = (parameters ?? {}) as Record<string, unknown>;
  const texts = [clusterId, digest, hash];
  const numbers = [generation, epoch, partitions, replicas, leafFormat];
  if (
    !texts.every((text) => typeof text === "string" && text.length <= 64) ||
    !numbers.every((number) => Number.isSafeInteger(number))
  ) {
    throw new MalformedBytes("gossip: the ring's summary is malformed");
  }
  return value as RingSummary;
}

function listOf(message: ControlMessage, field: string, max: number): readonly unknown[] {
  const list = message[field];
  if (!Array.isArray(list) || list.length > max)
    throw new MalformedBytes(`${message.type.slice(0, 64)}: ${field} is no list of at most ${max}`);
  return list;
}

/** As many as fit, from the first on. */
function fitting(entries: readonly MemberEntry[]): MemberEntry[] {
  const taken: MemberEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    bytes += utf8.encode(JSON.stringify(entry)).length;
    if (bytes > ENTRIES_BYTES_MAX) break;
    taken.push(entry);
  }
  return taken;
}

const utf8 = new TextEncoder();
