import type { NodeId } from "../node-id.ts";
import type { Observer } from "../ports/observer.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import type { ReadRequest, ReplicateRequest } from "../wire/messages.ts";
import { encodeReplicaRead, encodeStored } from "../wire/replies.ts";

/**
 * The replica side of a request (Dynamo §4.5): keeps what a coordinator sends and shows what it keeps. It decides
 * nothing: merging is the store's, counting the coordinator's.
 */
export class Replica {
  readonly #store: ReplicaStore;
  readonly #observer: Observer;

  constructor({ store, observer }: { store: ReplicaStore; observer: Observer }) {
    this.#store = store;
    this.#observer = observer;
  }

  /** Resolves when the record is on stable storage: the reply is a durable acknowledgement. */
  async replicate(from: NodeId, request: ReplicateRequest): Promise<Uint8Array> {
    const stored = await this.#store.store(request);
    if (stored.ok && request.handedOver === true)
      this.#observer.event({ kind: "hint_received", peerId: from });
    return encodeStored(stored);
  }

  async read(request: ReadRequest): Promise<Uint8Array> {
    return encodeReplicaRead(await this.#store.read(request));
  }
}
