import type { ControlMessage } from "../ports/control-calls.ts";
import type { Digester } from "../ports/hash.ts";
import type { KeptRing, Refusal, RefusalCode } from "./kept-ring.ts";
import { numberedFromJson } from "./paxos/paxos-codec.ts";
import { RingInvalid } from "./ring-check.ts";
import type { NumberedRing, RingNumber } from "./ring-number.ts";

/**
 * What members say to each other about rings. Requests: `ring.state` (this is what I have; what have you?),
 * `ring.propose` (accept this first ring), `ring.commit` (all its members accepted it). Answers: `ring.state`,
 * `ring.done`, `ring.refused`. Every field that comes in is checked here; unknown fields are ignored.
 */

/** What a peer says it has; `ring` only where the digest it was asked with differs from its own. */
export type PeerRing =
  | { readonly state: "none" }
  | ({
      readonly state: "proposed" | "serving";
      readonly clusterId: string;
      readonly digest: string;
      readonly numbered: NumberedRing | undefined;
    } & RingNumber);

/** `withRing` adds the whole document: some hundred bytes to some hundred KiB. */
export function stateMessage(kept: KeptRing, { withRing }: { withRing: boolean }): ControlMessage {
  if (kept.state === "none") return { type: "ring.state", state: "none" };
  const { clusterId, generation, epoch } = kept.ring;
  const summary = {
    type: "ring.state",
    state: kept.state,
    clusterId,
    generation,
    epoch,
    digest: kept.digest,
  };
  return withRing ? { ...summary, ring: kept.ring } : summary;
}

/** Throws RingInvalid. The digest of a ring that came along is computed here, not believed. */
export function parseState(message: ControlMessage, hash: Digester): PeerRing {
  if (message.type !== "ring.state") throw new RingInvalid("type", `${message.type} is not ring.state`);
  const { state, clusterId, generation, epoch, digest, ring } = message;
  if (state === "none") return { state };
  if (state !== "proposed" && state !== "serving")
    throw new RingInvalid("state", "is neither none, proposed nor serving");
  if (ring !== undefined) {
    const numbered = parseRingField(message, hash);
    const number = { generation: numbered.ring.generation, epoch: numbered.ring.epoch };
    return { state, clusterId: numbered.ring.clusterId, digest: numbered.digest, numbered, ...number };
  }
  if (typeof clusterId !== "string" || typeof digest !== "string")
    throw new RingInvalid("digest", "is missing");
  if (!isCount(generation) || !isCount(epoch)) throw new RingInvalid("epoch", "is not a whole number");
  return { state, clusterId, digest, generation, epoch, numbered: undefined };
}

/** The ring of a proposal or commit. Throws RingInvalid. */
export function parseRingField(message: ControlMessage, hash: Digester): NumberedRing {
  return numberedFromJson(message["ring"], hash);
}

export function proposeMessage({ ring }: NumberedRing): ControlMessage {
  return { type: "ring.propose", ring };
}

export function commitMessage({ ring }: NumberedRing): ControlMessage {
  return { type: "ring.commit", ring };
}

/** The proposal or commit of the ring with this digest is on this node's disk. */
export function doneMessage(digest: string): ControlMessage {
  return { type: "ring.done", digest };
}

export function refusedMessage({ code, message }: Pick<Refusal, "code" | "message">): ControlMessage {
  return { type: "ring.refused", code, message };
}

const REFUSALS: readonly string[] = [
  "invalid_request",
  "ring_exists",
  "proposal_conflict",
  "storage_failed",
  "busy",
] satisfies RefusalCode[];

export type Answer = { readonly kind: "done" } | Refusal | { readonly kind: "silent" };

/** "silent" for no answer and for one that does not answer the question about the ring with this digest. */
export function parseAnswer(message: ControlMessage | undefined, digest: string): Answer {
  if (message?.type === "ring.done" && message["digest"] === digest) return { kind: "done" };
  if (message?.type !== "ring.refused") return { kind: "silent" };
  const code =
    typeof message["code"] === "string" && REFUSALS.includes(message["code"]) ? message["code"] : "busy";
  const text =
    typeof message["message"] === "string" ? message["message"].slice(0, 4_096) : "refused without a reason";
  return { kind: "refused", code: code as RefusalCode, message: text };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
