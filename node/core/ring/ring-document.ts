import { parseBoundedJson } from "../bytes/bounded-json.ts";
import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { Digester } from "../ports/hash.ts";
import { claim } from "./claim.ts";
import { checkAnyRing } from "./change/elastic-ring.ts";
import { checkParameters, checkRing, RingInvalid } from "./ring-check.ts";
import type { FormedRing, Ring, RingMember, RingParameters } from "./ring.ts";

/**
 * The ring as bytes. Two nodes agree on a ring when they agree on the digest of its canonical bytes: JSON without
 * spaces, the fields of format 1 in a fixed order, then fields this version does not know, by name. Those are kept,
 * not dropped: a newer peer may have put them there, and the digest must not depend on who read the document.
 */

const FIELDS = [
  "format",
  "clusterId",
  "generation",
  "epoch",
  "parameters",
  "featureLevel",
  "members",
  "owners",
  "change",
] as const satisfies readonly (keyof Ring)[];
const PARAMETERS = [
  "partitions",
  "replicas",
  "hash",
  "leafFormat",
] as const satisfies readonly (keyof RingParameters)[];
const MEMBER = ["id", "zone", "state"] as const satisfies readonly (keyof RingMember)[];
const CHANGE = ["changeId", "type", "phase", "nextOwners"] as const;

/** Longer ones are refused unread: 65,536 partitions and 10,000 members take less than 2 MiB. */
const RING_BYTES_MAX = 4 * 1024 * 1024;

/** Canonical bytes: equal for equal documents, whatever order their fields came in. */
export function ringBytes(ring: Ring): Uint8Array {
  const document = {
    ...ring,
    parameters: ordered(ring.parameters, PARAMETERS),
    members: ring.members.map((member) => ordered(member, MEMBER)),
    change: ring.change === null ? null : ordered(ring.change, CHANGE),
  };
  return new TextEncoder().encode(JSON.stringify(ordered(document, FIELDS)));
}

/** Throws RingInvalid, which names the field, unless the bytes are a whole ring of a format known here. */
export function parseRing(bytes: Uint8Array): Ring {
  if (bytes.length > RING_BYTES_MAX)
    throw new RingInvalid("document", `${bytes.length} bytes exceed ${RING_BYTES_MAX}`);
  let document: unknown;
  try {
    document = parseBoundedJson(bytes);
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw new RingInvalid("document", error.message);
  }
  return checkAnyRing(document);
}

/** Hex MD5 of the canonical bytes, 32 characters. */
export function ringDigest(ring: Ring, hash: Digester): string {
  return Array.from(hash.md5(ringBytes(ring)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export interface Formation {
  readonly clusterId: string;
  /** In any order. */
  readonly members: readonly Pick<RingMember, "id" | "zone">[];
  readonly parameters: RingParameters;
}

/** The first ring of a cluster; a pure function of the request, so that a repeated request proposes the same ring.
 * Throws RingInvalid. */
export function formedRing({ clusterId, members, parameters }: Formation): FormedRing {
  const { partitions, replicas, hash, leafFormat } = checkParameters(parameters);
  const unclaimed = checkRing({
    format: 1,
    clusterId,
    generation: 0,
    epoch: 1,
    parameters: { partitions, replicas, hash, leafFormat },
    featureLevel: 1,
    members: members
      .map(({ id, zone }) => ({ id, zone, state: "active" }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    owners: new Array<number>(partitions).fill(0),
    change: null,
  });
  return { ...unclaimed, owners: claim({ partitions, replicas, members }) };
}

function ordered(value: object, first: readonly string[]): object {
  const entries = new Map<string, unknown>(Object.entries(value));
  const known = first.map((name): [string, unknown] => [name, entries.get(name)]);
  const unknown = [...entries].filter(([name]) => !first.includes(name)).sort(byName);
  return Object.fromEntries([
    ...known,
    ...unknown.map(([name, extra]): [string, unknown] => [name, sorted(extra)]),
  ]);
}

/** The same value with the fields of all its objects in order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(byName)
      .map(([name, part]) => [name, sorted(part)]),
  );
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
