import { parseNodeId } from "../../node-id.ts";
import type { ControlMessage } from "../../ports/control-calls.ts";
import type { Digester } from "../../ports/hash.ts";
import { checkAnyRing } from "../change/elastic-ring.ts";
import type { NumberedRing } from "../ring-number.ts";
import { RingInvalid } from "../ring-check.ts";
import { ringDigest } from "../ring-document.ts";
import type { Ballot } from "./ballot.ts";
import type { Acceptance, Base, PaxosMessage } from "./paxos-messages.ts";

/**
 * Ballots on the control lane, as JSON: `ring.prepare`, `ring.accept`, and the answers `ring.promised`, `ring.accepted`,
 * `ring.overtaken`, `ring.abstained`, `ring.decided`. Every field that comes in is checked here; the digest of a ring is computed,
 * not believed; unknown fields are ignored. A node that is older answers `ring.refused`, which is no vote.
 */
export function paxosToControl(message: PaxosMessage): ControlMessage {
  const type = `ring.${message.kind}`;
  switch (message.kind) {
    case "decided":
      return { type, ring: message.ring.ring };
    case "accept":
      return { type, base: message.base, ballot: message.ballot, ring: message.value.ring };
    case "promised": {
      const { base, ballot, accepted } = message;
      return { type, base, ballot, ...(accepted && { accepted: acceptanceToJson(accepted) }) };
    }
    case "prepare":
    case "accepted":
      return { type, base: message.base, ballot: message.ballot };
    case "overtaken":
      return { type, base: message.base, ballot: message.ballot, promised: message.promised };
    case "abstained":
      return { type, base: message.base, ballot: message.ballot, reason: message.reason };
  }
}

/** Undefined for a message of another type. Throws RingInvalid, which names the field. */
export function paxosFromControl(message: ControlMessage, hash: Digester): PaxosMessage | undefined {
  const common = () => ({
    base: baseFromJson(message["base"]),
    ballot: ballotFromJson(message["ballot"], "ballot"),
  });
  switch (message.type) {
    case "ring.prepare":
      return { kind: "prepare", ...common() };
    case "ring.accept":
      return { kind: "accept", ...common(), value: numberedFromJson(message["ring"], hash) };
    case "ring.promised":
      return { kind: "promised", ...common(), accepted: acceptanceFromJson(message["accepted"], hash) };
    case "ring.accepted":
      return { kind: "accepted", ...common() };
    case "ring.overtaken":
      return { kind: "overtaken", ...common(), promised: ballotFromJson(message["promised"], "promised") };
    case "ring.abstained":
      return { kind: "abstained", ...common(), reason: reasonFromJson(message["reason"]) };
    case "ring.decided":
      return { kind: "decided", ring: numberedFromJson(message["ring"], hash) };
    default:
      return undefined;
  }
}

export function acceptanceToJson({ ballot, value }: Acceptance): object {
  return { ballot, ring: value.ring };
}

export function acceptanceFromJson(value: unknown, hash: Digester): Acceptance | undefined {
  if (value === undefined) return undefined;
  const { ballot, ring } = fieldsOf(value, "accepted");
  return { ballot: ballotFromJson(ballot, "accepted.ballot"), value: numberedFromJson(ring, hash) };
}

export function ballotFromJson(value: unknown, field: string): Ballot {
  const { round, node } = fieldsOf(value, field);
  if (!Number.isSafeInteger(round) || (round as number) < 1)
    throw new RingInvalid(`${field}.round`, "is not a whole number from 1");
  if (typeof node !== "string") throw new RingInvalid(`${field}.node`, "is not a string");
  try {
    return { round: round as number, node: parseNodeId(node) };
  } catch (error) {
    throw new RingInvalid(`${field}.node`, error instanceof Error ? error.message : "is no node id");
  }
}

export function numberedFromJson(value: unknown, hash: Digester): NumberedRing {
  const ring = checkAnyRing(value);
  return { ring, digest: ringDigest(ring, hash) };
}

function baseFromJson(value: unknown): Base {
  const { generation, epoch, digest } = fieldsOf(value, "base");
  for (const [field, count] of Object.entries({ generation, epoch })) {
    if (!Number.isSafeInteger(count) || (count as number) < 0)
      throw new RingInvalid(`base.${field}`, "is not a whole number");
  }
  if (typeof digest !== "string" || digest.length > DIGEST_LENGTH_MAX)
    throw new RingInvalid("base.digest", "is not a digest");
  return { generation: generation as number, epoch: epoch as number, digest };
}

const DIGEST_LENGTH_MAX = 64;
const REASON_LENGTH_MAX = 4_096;

function reasonFromJson(value: unknown): string {
  return typeof value === "string" ? value.slice(0, REASON_LENGTH_MAX) : "abstained without a reason";
}

function fieldsOf(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new RingInvalid(field, "is not an object");
  return value as Readonly<Record<string, unknown>>;
}
