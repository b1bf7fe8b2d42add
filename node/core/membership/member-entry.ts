import { isNodeId, type NodeId } from "../node-id.ts";
import type { RingNumber } from "../ring/ring-number.ts";

/**
 * What a node says of itself to the whole cluster, and nobody else says for it. Entries travel by gossip from node to
 * node; who has a later one of the same author has the truth.
 *
 * Order: the incarnation of the author's process first, then the version that the process counts. Fields that this
 * release does not know are kept and passed on, so that a newer node can say more through older ones.
 */
export interface MemberEntry {
  readonly id: NodeId;
  /** Grows with each start of the author's process: its wall clock then, or one more than any that peers remember. */
  readonly incarnation: number;
  /** Grows with each change of what follows, from 1. */
  readonly version: number;
  /** host:port of its peer listener. */
  readonly address: string;
  /** host:port of its client listener; empty where it has none. */
  readonly clientAddress: string;
  readonly zone: string;
  /** Version of its software, for people. */
  readonly software: string;
  /** A MemberCondition, or one that a newer release knows. */
  readonly condition: string;
  /** Members that it believes down, ascending; the first `DOWN_MAX`. */
  readonly down: readonly NodeId[];
  /** What its release can do; none from releases that do not say. */
  readonly features?: readonly string[] | undefined;
  /** Which ring store votes for it (ring/ring.ts `AdmittedMember`); undefined until it is on its disk. */
  readonly ringStore?: string | undefined;
  /** The ring that it serves and has on its disk; undefined where it serves none. */
  readonly ring?: RingNumber | undefined;
  /** Of a node that is no member: whether it keeps copies or hints, or does not know yet; undefined of others. */
  readonly keepsCopies?: boolean | undefined;
}

/** `no_ring`: no member yet. `recovering`: has lost data and is no voter in reads until it is repaired. */
export type MemberCondition = "no_ring" | "serving" | "recovering" | "draining" | "read_only";

/** What the author fills in; the table numbers it. */
export type OwnDescription = Omit<MemberEntry, "id" | "incarnation" | "version" | "condition"> & {
  readonly condition: MemberCondition;
};

/** Names one state of one entry: `[id, incarnation, version]`. */
export type Stamp = readonly [id: NodeId, incarnation: number, version: number];

export const DOWN_MAX = 32;
/** In JSON; 200 such entries are too many for one message, see gossip-messages.ts. */
export const ENTRY_BYTES_MAX = 4_096;
/** No process gets there by starting: whoever claims more is broken, and nobody could ever go above it. */
export const NUMBER_MAX = 2 ** 52;
const TEXT_LENGTH_MAX = 256;
const FEATURES_MAX = 32;

export function stampOf({ id, incarnation, version }: MemberEntry): Stamp {
  return [id, incarnation, version];
}

/** Positive where `a` is the later state of the same author. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a[1] - b[1] || a[2] - b[2];
}

/** An entry out of a peer's JSON; undefined where a field is missing, too long or of another type. */
export function parseEntry(value: unknown): MemberEntry | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (JSON.stringify(value).length > ENTRY_BYTES_MAX) return undefined;
  const raw = value as Record<string, unknown>;
  const stamp = parseStamp([raw["id"], raw["incarnation"], raw["version"]]);
  const texts = [raw["address"], raw["clientAddress"], raw["zone"], raw["software"], raw["condition"]];
  if (stamp === undefined || !texts.every(isShortText)) return undefined;
  const down = raw["down"];
  if (!Array.isArray(down) || down.length > DOWN_MAX || !down.every(isNodeId)) return undefined;
  if (!isRingKnowledge(raw)) return undefined;
  return value as MemberEntry;
}

/** Undefined unless the value is an id and two numbers of the range that processes reach. */
export function parseStamp(value: unknown): Stamp | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined;
  const [id, incarnation, version] = value as readonly unknown[];
  if (!isNodeId(id) || !isNumber(incarnation) || !isNumber(version)) return undefined;
  return [id, incarnation, version];
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= NUMBER_MAX;
}

/** What older releases do not say may be missing, but not be something else. */
function isRingKnowledge(raw: Record<string, unknown>): boolean {
  const { features = [], ringStore = "", ring = null, keepsCopies = false } = raw;
  if (typeof keepsCopies !== "boolean") return false;
  if (!Array.isArray(features) || features.length > FEATURES_MAX || !features.every(isShortText))
    return false;
  if (!isShortText(ringStore)) return false;
  if (ring === null) return true;
  const { generation, epoch } = ring as Record<string, unknown>;
  return Number.isSafeInteger(generation) && Number.isSafeInteger(epoch);
}

function isShortText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_LENGTH_MAX;
}
