import type { NodeId } from "../node-id.ts";
import type { Observer } from "../ports/observer.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import type { ReadRequest, ReplicateRequest } from "../wire/messages.ts";
import { encodeReplicaRead, encodeStored } from "../wire/replies.ts";

/**
 * The replica side of a request (Dynamo §4.5): keeps what a coordinator sends and shows what it keeps. It decides
 * nothing: merging is the store's, counting the coordinator's.
 */
export interface ReplicaParts {
  readonly store: ReplicaStore;
  readonly observer: Observer;
  /** Whether what it shows is a vote: not while this node is recovering. */
  readonly isVoter: () => boolean;
  /** Told of each row that a read found corrupt: it has to be fetched from elsewhere. */
  readonly onCorrupt: (position: Uint8Array) => void;
}

export class Replica {
  readonly #parts: ReplicaParts;

  constructor(parts: ReplicaParts) {
    this.#parts = parts;
  }

  /** Resolves when the record is on stable storage: the reply is a durable acknowledgement. */
  async replicate(from: NodeId, request: ReplicateRequest): Promise<Uint8Array> {
    const stored = await this.#parts.store.store(request);
    if (stored.ok && request.handedOver === true)
      this.#parts.observer.event({ kind: "hint_received", peerId: from });
    return encodeStored(stored);
  }

  async read(request: ReadRequest): Promise<Uint8Array> {
    const read = await this.#parts.store.read(request);
    if (read.status === "corrupt") this.#parts.onCorrupt(request.position);
    const isSilent = read.status === "corrupt" || read.status === "failed" || this.#parts.isVoter();
    return encodeReplicaRead(isSilent ? read : { ...read, recovering: true });
  }
}
