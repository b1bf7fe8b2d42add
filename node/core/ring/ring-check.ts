import { parseNodeId } from "../node-id.ts";
import type { FormedRing, RingChange, RingMember, RingParameters } from "./ring.ts";

/**
 * Whether a parsed JSON value is a whole and coherent ring document. Peers and files are not trusted: every field
 * that this version uses is checked, and the first that is wrong is named. Fields it does not know pass through.
 */
export class RingInvalid extends Error {
  /** Path of the field, "members[2].zone". */
  readonly field: string;
  constructor(field: string, problem: string) {
    super(`ring document refused: ${field}: ${problem}`);
    this.name = "RingInvalid";
    this.field = field;
  }
}

/** Beyond these nothing was tested, and preference lists grow with partitions times members. */
const MEMBERS_MAX = 10_000;
const TEXT_LENGTH_MAX = 255;
const CLUSTER_ID = /^[a-z0-9-]{1,63}$/;
const MEMBER_STATES = ["active", "joining", "leaving"] as const;
const CHANGE_TYPES = ["join", "leave", "replace"] as const;

/** Returns the same value, now known to be a ring of format 1. Throws RingInvalid. */
export function checkRing(value: unknown): FormedRing {
  const ring = record(value, "document");
  // Before all else: a document of another format may have other fields altogether.
  if (ring["format"] !== 1) {
    throw new RingInvalid(
      "format",
      `${show(ring["format"])}, this version reads formats 1 and 2 only; upgrade this node`,
    );
  }
  const clusterId = ring["clusterId"];
  if (typeof clusterId !== "string" || !CLUSTER_ID.test(clusterId)) {
    throw new RingInvalid("clusterId", `${show(clusterId)} is not 1 to 63 characters of a-z, 0-9 and "-"`);
  }
  whole(ring["generation"], "generation", { min: 0 });
  whole(ring["epoch"], "epoch", { min: 1 });
  whole(ring["featureLevel"], "featureLevel", { min: 1 });
  const { partitions } = checkParameters(ring["parameters"]);
  const memberCount = members(ring["members"]);
  owners(ring["owners"], "owners", { partitions, memberCount });
  if (ring["change"] !== null) change(ring["change"], { partitions, memberCount });
  return value as FormedRing;
}

/** Throws RingInvalid unless the value is a set of parameters that this version can serve. */
export function checkParameters(value: unknown): RingParameters {
  const given = record(value, "parameters");
  const partitions = whole(given["partitions"], "parameters.partitions", { min: 8, max: 65_536 });
  if (!Number.isInteger(Math.log2(partitions))) {
    throw new RingInvalid("parameters.partitions", `${partitions} is not a power of two`);
  }
  whole(given["replicas"], "parameters.replicas", { min: 1, max: 7 });
  oneOf(given["hash"], "parameters.hash", ["md5"]);
  if (given["leafFormat"] !== 1)
    throw new RingInvalid("parameters.leafFormat", `${show(given["leafFormat"])} is not 1`);
  return value as RingParameters;
}

function members(value: unknown): number {
  const list = array(value, "members");
  if (list.length === 0) throw new RingInvalid("members", "names nobody");
  if (list.length > MEMBERS_MAX) throw new RingInvalid("members", `${list.length} exceed ${MEMBERS_MAX}`);
  const ids = list.map((entry, i) => member(entry, `members[${i}]`).id);
  ids.forEach((id, i) => {
    const before = ids[i - 1] ?? "";
    if (before === id) throw new RingInvalid(`members[${i}].id`, `${id} is there twice`);
    if (before > id) throw new RingInvalid(`members[${i}].id`, `${id} is not in ascending order`);
  });
  return list.length;
}

function member(value: unknown, field: string): RingMember {
  const given = record(value, field);
  const id = text(given["id"], `${field}.id`);
  try {
    parseNodeId(id);
  } catch (error) {
    throw new RingInvalid(`${field}.id`, error instanceof Error ? error.message : "not a node id");
  }
  text(given["zone"], `${field}.zone`);
  oneOf(given["state"], `${field}.state`, MEMBER_STATES);
  return value as RingMember;
}

interface Sizes {
  readonly partitions: number;
  readonly memberCount: number;
}

function owners(value: unknown, field: string, { partitions, memberCount }: Sizes): void {
  const list = array(value, field);
  if (list.length !== partitions)
    throw new RingInvalid(field, `${list.length} owners for ${partitions} partitions`);
  list.forEach((owner, i) => whole(owner, `${field}[${i}]`, { min: 0, max: memberCount - 1 }));
}

function change(value: unknown, sizes: Sizes): RingChange {
  const given = record(value, "change");
  text(given["changeId"], "change.changeId");
  oneOf(given["type"], "change.type", CHANGE_TYPES);
  text(given["phase"], "change.phase");
  owners(given["nextOwners"], "change.nextOwners", sizes);
  return value as RingChange;
}

function record(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new RingInvalid(field, `${show(value)} is not an object`);
  }
  return value as Record<string, unknown>;
}

function array(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new RingInvalid(field, `${show(value)} is not an array`);
  return value;
}

function text(value: unknown, field: string): string {
  if (typeof value !== "string") throw new RingInvalid(field, `${show(value)} is not a string`);
  if (value.length > TEXT_LENGTH_MAX) {
    throw new RingInvalid(field, `${value.length} characters exceed ${TEXT_LENGTH_MAX}`);
  }
  return value;
}

function whole(
  value: unknown,
  field: string,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number },
): number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    throw new RingInvalid(field, `${show(value)} is not a whole number from ${min} to ${max}`);
  }
  return value as number;
}

function oneOf(value: unknown, field: string, allowed: readonly string[]): void {
  if (typeof value !== "string" || !allowed.includes(value)) {
    throw new RingInvalid(field, `${show(value)} is not one of ${allowed.join(", ")}`);
  }
}

/** The value for a message, cut short: it may be anything. */
function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? "undefined";
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown;
}
