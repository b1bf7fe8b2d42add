import type { NodeId } from "../node-id.ts";
import type { Digester } from "../ports/hash.ts";
import type { Random } from "../ports/random.ts";
import type { RingStore } from "../ports/ring-store.ts";
import { decodeKept, encodeKept } from "./kept-ring-codec.ts";
import { type KeptRing, NOTHING, type Refusal, type ServingRing } from "./kept-ring.ts";

/**
 * What a node keeps of the ring, in memory as on its disk. Changes run one after the other, so that each is decided on what
 * the one before it left.
 *
 * Invariant: what `kept` shows is on stable storage, but for the id of a ring store that an older release left without one.
 */
export interface StoredRingParts {
  readonly self: NodeId;
  readonly store: RingStore;
  readonly random: Random;
  readonly hash: Digester;
  /** Called in the very moment in which `kept` begins to show another ring that is served. */
  readonly onServed: (kept: ServingRing) => void;
}

/** Changes that wait for the disk; more are refused and tried again by whoever wanted them. */
const WAITING_MAX = 64;

export class StoredRing {
  readonly #parts: StoredRingParts;
  #kept: KeptRing = NOTHING;
  #storeId: string | undefined;
  #lastChange: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(parts: StoredRingParts) {
    this.#parts = parts;
  }

  get kept(): KeptRing {
    return this.#kept;
  }

  /** Of the ring store (ring.ts `AdmittedMember`); undefined until it is on the disk. */
  get storeId(): string | undefined {
    return this.#storeId;
  }

  /** Throws where the store cannot be read or understood. */
  load(): void {
    const { store, hash } = this.#parts;
    const { kept, isStoreNew } = decodeKept(store.load(), hash, () => this.drawStoreId());
    this.#show(kept);
    if (!isStoreNew) return;
    this.#storeId = undefined;
    // Where the disk refuses now, what is saved next brings it.
    if (kept.state === "serving")
      void this.oneByOne(async () => (this.#kept === kept ? this.keep(kept) : undefined));
  }

  /** Runs `change` once those before it are done; "busy" where too many are. */
  async oneByOne<T>(change: () => Promise<T>): Promise<T | Refusal> {
    if (this.#waiting >= WAITING_MAX) {
      const message = `node ${this.#parts.self} has ${WAITING_MAX} ring changes to store`;
      return { kind: "refused", code: "busy", message };
    }
    this.#waiting++;
    const done = this.#lastChange.then(change);
    this.#lastChange = done.then(
      () => this.#waiting--,
      () => this.#waiting--,
    );
    return done;
  }

  /** Saves, then shows it. Within `oneByOne` alone. Undefined once that is done; never rejects. */
  async keep(next: KeptRing): Promise<Refusal | undefined> {
    try {
      await this.#parts.store.save(encodeKept(next));
    } catch (error) {
      return this.failed(error instanceof Error ? error.message : "unknown error");
    }
    this.#show(next);
    return undefined;
  }

  failed(reason: string): Refusal {
    const message = `node ${this.#parts.self} could not store the ring: ${reason}`;
    return { kind: "refused", code: "storage_failed", message };
  }

  drawStoreId(): string {
    let hex = "";
    for (const byte of this.#parts.random.bytes(8)) hex += byte.toString(16).padStart(2, "0");
    return hex;
  }

  #show(next: KeptRing): void {
    const before = this.#kept;
    this.#kept = next;
    this.#storeId = storeIdOf(next);
    const wasServed = before.state === "serving" && next.state === "serving" && before.digest === next.digest;
    if (next.state === "serving" && !wasServed) this.#parts.onServed(next);
  }
}

function storeIdOf(kept: KeptRing): string | undefined {
  if (kept.state === "serving") return kept.ballots.store.id;
  return kept.state === "none" ? kept.store : undefined;
}
