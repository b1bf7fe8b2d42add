import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerAnswer } from "../peers/peer-calls.ts";
import type { ReplicaRead, Stored, StorePoint } from "../ports/replica-store.ts";
import type { Lane } from "../ports/transport.ts";
import type { RingNumber } from "../ring/ring-number.ts";
import { compareBytes } from "../version/record.ts";
import type { ReadRequest, ReplicateRequest } from "../wire/messages.ts";
import { decodeReplicaRead, decodeStale, decodeStored } from "../wire/replies.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Observer } from "../ports/observer.ts";
import type { CoordinatorParts } from "./coordination.ts";

/** The two things a coordinator asks of a replica. Whatever comes back, or does not, is a value. */

export interface CallTerms {
  readonly timeoutMs: number;
  readonly lane: Lane;
  /** The ring by which the replica was chosen. */
  readonly planned: RingNumber;
}

/** The replica has not done what it was asked: a ring that it serves forbids plans as old as this one. */
export interface StaleRing {
  readonly status: "stale";
  readonly theirs: RingNumber;
}

export interface CallParts {
  readonly calls: PeerCalls;
  readonly observer: Observer;
  /** Told where the peer's store stood when it acknowledged (recovery/). */
  readonly acknowledged?: (peer: NodeId, at: StorePoint) => void;
  /** Told of a later ring that the peer has: what is planned by this node's own goes wrong until it has that one too. */
  readonly outdated?: (peer: NodeId, theirs: RingNumber) => void;
}

/** `ok` only where the peer has the record on stable storage. */
export async function askToStore(
  node: NodeId,
  body: ReplicateRequest,
  terms: CallTerms,
  parts: CallParts,
): Promise<Stored> {
  const stored = await offerToStore(node, body, terms, parts);
  if (stored === "not_sent") return { ok: false, code: "storage_failed", message: stored };
  return "status" in stored ? { ok: false, code: "storage_failed", message: stored.status } : stored;
}

/** The same, telling a node that was not asked (its window is full, or it is not connected) from one that failed. */
export async function offerToStore(
  node: NodeId,
  body: ReplicateRequest,
  terms: CallTerms,
  parts: CallParts,
): Promise<Stored | StaleRing | "not_sent"> {
  const { planned } = terms;
  const answer = await parts.calls.call(node, { kind: "replicate", body, planned }, terms);
  if (answer.status === "not_sent") return answer.status;
  if (answer.status !== "answered") return { ok: false, code: "storage_failed", message: answer.status };
  const stored = understood(node, answer, decodeStored, parts);
  if (stored === undefined) return { ok: false, code: "storage_failed", message: "malformed" };
  if ("status" in stored) return stored;
  if (stored.ok && stored.at !== undefined) parts.acknowledged?.(node, stored.at);
  return stored;
}

/** A record that does not have the digest it came with was damaged on the way, and is a failure. */
export async function askToRead(
  node: NodeId,
  body: ReadRequest,
  terms: CallTerms,
  parts: CoordinatorParts,
): Promise<ReplicaRead | StaleRing> {
  const { planned } = terms;
  const answer = await parts.calls.call(node, { kind: "read", body, planned }, terms);
  if (answer.status !== "answered") return { status: "failed", message: answer.status };
  const read = understood(node, answer, decodeReplicaRead, parts);
  if (read === undefined) return { status: "failed", message: "malformed" };
  if (read.status !== "found") return read;
  if ((read.record === undefined) !== (body.want === "digest"))
    return { status: "failed", message: "malformed" };
  if (read.record !== undefined && compareBytes(parts.hash.md5(read.record), read.digest) !== 0) {
    parts.observer.event({
      kind: "peer_message_refused",
      peerId: node,
      reason: "record does not match its digest",
    });
    return { status: "failed", message: "damaged" };
  }
  return read;
}

function understood<T>(
  node: NodeId,
  answer: Extract<PeerAnswer, { status: "answered" }>,
  decode: (bytes: Uint8Array) => T,
  parts: CallParts,
): T | StaleRing | undefined {
  try {
    const theirs = decodeStale(answer.body);
    if (theirs === undefined) return decode(answer.body);
    parts.outdated?.(node, theirs);
    return { status: "stale", theirs };
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    parts.observer.event({ kind: "peer_message_refused", peerId: node, reason: error.message });
    return undefined;
  }
}
