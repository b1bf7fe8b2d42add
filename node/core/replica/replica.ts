import type { NodeId } from "../node-id.ts";
import type { Observer } from "../ports/observer.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import { fence } from "../ring/change/fence.ts";
import { compareRings, FORMED, type RingNumber } from "../ring/ring-number.ts";
import type { PlanningRing } from "../ring/ring-state.ts";
import type { ReadRequest, ReplicateRequest } from "../wire/messages.ts";
import { encodeReplicaRead, encodeStale, encodeStored } from "../wire/replies.ts";

/**
 * The replica side of a request (Dynamo §4.5): keeps what a coordinator sends and shows what it keeps. It decides
 * nothing: merging is the store's, counting the coordinator's.
 *
 * Invariant: what it acknowledges, and what it shows, was planned by a ring that it accepts at the moment of the answer
 * (ring/change/fence.ts), hence before any comparison that a change rests on. Where it has lost its ring store it does not know what it
 * refused before, and acknowledges nothing until an epoch lists the new one.
 */
export interface ReplicaParts {
  readonly ring: Pick<PlanningRing, "current" | "isMember" | "mayAcknowledge" | "catchUp">;
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
  async replicate(from: NodeId, request: ReplicateRequest, planned: RingNumber): Promise<Uint8Array> {
    let verdict = this.#verdict(planned);
    if (verdict === "fetch") verdict = await this.#caughtUp(from, planned);
    if (verdict === "stale") return this.#refuse(from);
    if (verdict === "fetch")
      return encodeStored({ ok: false, code: "storage_failed", message: behind(planned) });
    if (!this.#parts.ring.mayAcknowledge())
      return encodeStored({ ok: false, code: "storage_failed", message: unadmitted });
    const stored = await this.#parts.store.store(request);
    // The ring may have changed while the disk took it.
    if (stored.ok && this.#verdict(planned) === "stale") return this.#refuse(from);
    if (stored.ok && request.handedOver === true)
      this.#parts.observer.event({ kind: "hint_received", peerId: from });
    return encodeStored(stored);
  }

  async read(from: NodeId, request: ReadRequest, planned: RingNumber): Promise<Uint8Array> {
    let verdict = this.#verdict(planned);
    if (verdict === "fetch") verdict = await this.#caughtUp(from, planned);
    if (verdict === "stale") return this.#refuse(from);
    if (verdict === "fetch") return encodeReplicaRead({ status: "failed", message: behind(planned) });
    const read = await this.#parts.store.read(request);
    if (this.#verdict(planned) === "stale") return this.#refuse(from);
    if (read.status === "corrupt") this.#parts.onCorrupt(request.position);
    const isSilent = read.status === "corrupt" || read.status === "failed" || this.#parts.isVoter();
    return encodeReplicaRead(isSilent ? read : { ...read, recovering: true });
  }

  async #caughtUp(from: NodeId, planned: RingNumber): Promise<ReturnType<typeof fence>> {
    await this.#parts.ring.catchUp(from, planned);
    return this.#verdict(planned);
  }

  #verdict(planned: RingNumber): ReturnType<typeof fence> {
    const { ring } = this.#parts;
    const current = ring.current();
    // Members may have heard that the first ring is formed before this one has.
    if (current === undefined) return compareRings(planned, FORMED) > 0 ? "fetch" : "serve";
    const verdict = fence(current, planned);
    return verdict === "serve" && !ring.isMember() ? "stale" : verdict;
  }

  #refuse(from: NodeId): Uint8Array {
    this.#parts.observer.event({ kind: "stale_plan_refused", peerId: from });
    return encodeStale(this.#parts.ring.current() ?? FORMED);
  }
}

const unadmitted = "its ring store is new: an epoch has to admit it first";

function behind({ generation, epoch }: RingNumber): string {
  return `could not get the ring of epoch ${epoch}, generation ${generation}, from the sender of the request`;
}
