import type { NodeId } from "../node-id.ts";
import type { ControlCalls } from "../ports/control-calls.ts";
import { type HintPlace, NO_OWNER } from "../ports/hint-store.ts";
import type { Observer } from "../ports/observer.ts";
import type { HintsLoss, IdentityStore } from "../ports/store-identity.ts";
import type { Timers } from "../ports/timers.ts";
import { partitionOf } from "../ring/position.ts";
import type { RingState } from "../ring/ring-state.ts";

/**
 * What this node kept for others and lost, one hint or all of hints.db. Nobody else knows that an owner waits for it,
 * but what was acknowledged is at W nodes: so the owners are asked to compare what they have with each other now
 * (anti-entropy) and not within a minute, and somebody hears of it.
 *
 * Invariant: a lost hints.db is remembered in data.db until every member has been asked, restarts included. A member that
 * is away compares with its co-owners by itself when it is back; it is asked all the same.
 */
export interface HintLossesParts {
  readonly self: NodeId;
  readonly ring: RingState;
  readonly store: Pick<IdentityStore, "opened" | "acceptHints">;
  readonly calls: ControlCalls;
  readonly timers: Timers;
  readonly observer: Observer;
  readonly isConnected: (peer: NodeId) => boolean;
  /** Asks anti-entropy of this node to compare with all of its co-owners soon. */
  readonly compareSoon: () => void;
}

export const COMPARE = "handoff.compare";
/** Many rows rot together: their owners are asked once. */
const GATHER_MS = 1_000;
const AGAIN_MS = 10_000;
const ANSWER_TIMEOUT_MS = 2_000;

export class HintLosses {
  readonly #parts: HintLossesParts;
  readonly #untold = new Set<NodeId>();
  #loss: HintsLoss | undefined;
  #isArmed = false;

  constructor(parts: HintLossesParts) {
    this.#parts = parts;
  }

  /** How hints.db was lost, until all members have been asked to compare. */
  get databaseLoss(): HintsLoss | undefined {
    return this.#loss;
  }

  /** To be called once the ring is loaded. */
  start(): void {
    const { ring, store, observer } = this.#parts;
    const loss = store.opened().hintsLost;
    if (loss === undefined) return;
    const members = ring.current()?.members;
    // Without a ring nothing was ever kept for anybody: this is the first start.
    if (members === undefined) return void this.#acceptFirst();
    this.#loss = loss;
    observer.event({ kind: "hints_database_lost", reason: loss });
    this.#tell(members.map(({ id }) => id));
  }

  /** The owner has been struck off a rotten hint. */
  lost({ position, owner }: HintPlace): void {
    const { ring, observer } = this.#parts;
    const partition = partitionOf(position, ring.current()?.parameters.partitions ?? 1);
    observer.event({ kind: "hint_lost", partition, ownerId: owner === NO_OWNER ? "unknown" : owner });
    if (ring.current() !== undefined) this.#tell(ring.preferenceList(partition).owners);
  }

  /** Until it is on the disk: else the next start, with a ring, would take it for a loss. */
  async #acceptFirst(): Promise<void> {
    const accepted = await this.#parts.store.acceptHints();
    if (!accepted.ok) this.#parts.timers.after(AGAIN_MS, () => void this.#acceptFirst());
  }

  #tell(peers: readonly NodeId[]): void {
    for (const peer of peers) this.#untold.add(peer);
    this.#arm(GATHER_MS);
  }

  #arm(delayMs: number): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#parts.timers.after(delayMs, () => {
      void this.#tellAll().then(() => {
        this.#isArmed = false;
        if (this.#untold.size > 0 || this.#loss !== undefined) this.#arm(AGAIN_MS);
      });
    });
  }

  async #tellAll(): Promise<void> {
    const { self, ring, compareSoon, isConnected, store } = this.#parts;
    const members = new Set(ring.current()?.members.map(({ id }) => id));
    for (const peer of [...this.#untold].sort()) if (!members.has(peer)) this.#untold.delete(peer);
    if (this.#untold.delete(self)) compareSoon();
    const reachable = [...this.#untold].filter(isConnected).sort();
    await Promise.all(reachable.map((peer) => this.#ask(peer)));
    if (this.#loss === undefined || this.#untold.size > 0) return;
    const accepted = await store.acceptHints();
    if (accepted.ok) this.#loss = undefined;
  }

  async #ask(peer: NodeId): Promise<void> {
    const answer = await this.#parts.calls.call(peer, { type: COMPARE }, ANSWER_TIMEOUT_MS);
    if (answer?.["begun"] === true) this.#untold.delete(peer);
  }
}
