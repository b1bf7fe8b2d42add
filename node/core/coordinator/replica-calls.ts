import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerAnswer } from "../peers/peer-calls.ts";
import type { ReplicaRead, Stored, StorePoint } from "../ports/replica-store.ts";
import type { Lane } from "../ports/transport.ts";
import { compareBytes } from "../version/record.ts";
import type { ReadRequest, ReplicateRequest } from "../wire/messages.ts";
import { decodeReplicaRead, decodeStored } from "../wire/replies.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Observer } from "../ports/observer.ts";
import type { CoordinatorParts } from "./coordination.ts";

/** The two things a coordinator asks of a replica. Whatever comes back, or does not, is a value. */

export interface CallLimits {
  readonly timeoutMs: number;
  readonly lane: Lane;
}

export interface CallParts {
  readonly calls: PeerCalls;
  readonly observer: Observer;
  /** Told where the peer's store stood when it acknowledged (recovery/). */
  readonly acknowledged?: (peer: NodeId, at: StorePoint) => void;
}

/** `ok` only where the peer has the record on stable storage. */
export async function askToStore(
  node: NodeId,
  body: ReplicateRequest,
  limits: CallLimits,
  parts: CallParts,
): Promise<Stored> {
  const stored = await offerToStore(node, body, limits, parts);
  return stored === "not_sent" ? { ok: false, code: "storage_failed", message: stored } : stored;
}

/** The same, telling a node that was not asked (its window is full, or it is not connected) from one that failed. */
export async function offerToStore(
  node: NodeId,
  body: ReplicateRequest,
  limits: CallLimits,
  parts: CallParts,
): Promise<Stored | "not_sent"> {
  const answer = await parts.calls.call(node, { kind: "replicate", body }, limits);
  if (answer.status === "not_sent") return answer.status;
  if (answer.status !== "answered") return { ok: false, code: "storage_failed", message: answer.status };
  const stored = understood(node, answer, decodeStored, parts);
  if (stored === undefined) return { ok: false, code: "storage_failed", message: "malformed" };
  if (stored.ok && stored.at !== undefined) parts.acknowledged?.(node, stored.at);
  return stored;
}

/** A record that does not have the digest it came with was damaged on the way, and is a failure. */
export async function askToRead(
  node: NodeId,
  body: ReadRequest,
  limits: CallLimits,
  parts: CoordinatorParts,
): Promise<ReplicaRead> {
  const answer = await parts.calls.call(node, { kind: "read", body }, limits);
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
): T | undefined {
  try {
    return decode(answer.body);
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    parts.observer.event({ kind: "peer_message_refused", peerId: node, reason: error.message });
    return undefined;
  }
}
