import type { ReplicaStore } from "../ports/replica-store.ts";
import type { ReadRequest, ReplicateRequest } from "../wire/messages.ts";
import { encodeReplicaRead, encodeStored } from "../wire/replies.ts";

/**
 * The replica side of a request (Dynamo §4.5): keeps what a coordinator sends and shows what it keeps. It decides
 * nothing: merging is the store's, counting the coordinator's.
 */
export class Replica {
  readonly #store: ReplicaStore;

  constructor(store: ReplicaStore) {
    this.#store = store;
  }

  /** Resolves when the record is on stable storage: the reply is a durable acknowledgement. */
  async replicate(request: ReplicateRequest): Promise<Uint8Array> {
    return encodeStored(await this.#store.store(request));
  }

  async read(request: ReadRequest): Promise<Uint8Array> {
    return encodeReplicaRead(await this.#store.read(request));
  }
}
