import { askToStore } from "../coordinator/replica-calls.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Clock } from "../ports/clock.ts";
import {
  FIRST_PLACE,
  type HintBatch,
  type HintPlace,
  type HintStore,
  type KeptHint,
  NO_OWNER,
  type RottenHint,
} from "../ports/hint-store.ts";
import type { StorePoint } from "../ports/replica-store.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import type { NodeSettings } from "../settings.ts";
import type { RingState } from "../ring/ring-state.ts";
import { backoffMs, fateOfAnswer, HANDOFF, type HintFate, mayGoOn, pauseAfterMs } from "./handoff-pace.ts";

/**
 * Hinted handoff (Dynamo §4.6): what this node keeps for others goes to them as soon as they are there again. Every
 * 10 s, and when an owner connects, its hints are read in batches and sent as ordinary records for it to merge.
 *
 * Invariant: an owner is struck off a hint only after it has acknowledged exactly that record from stable storage.
 * A crash, a lost answer or a newer write in between leaves the hint where it is, and it is delivered again; merging
 * it twice changes nothing.
 *
 * One batch at a time for an owner, few owners at a time, pauses in between. A batch that failed is passed over until
 * the next round, so that no record can hold up those behind it. Hints for nodes that are no members stay.
 */
export interface HintDeliveryParts {
  readonly self: NodeId;
  readonly ring: RingState;
  readonly settings: Pick<NodeSettings, "handoffIntervalMs" | "handoffBatchRows">;
  readonly store: HintStore;
  readonly calls: PeerCalls;
  readonly isConnected: (peer: NodeId) => boolean;
  /** See CallParts in coordinator/replica-calls.ts. */
  readonly acknowledged?: (peer: NodeId, at: StorePoint) => void;
  /** Something was delivered to this owner, and nothing is left that could be. */
  readonly onCompleted: (owner: NodeId) => void;
  /** This owner will not be given what was kept for it at this place: the copy has rotted. */
  readonly onLost: (place: HintPlace) => void;
  /** A row of this node's own data failed its check. */
  readonly onCorruptRow: (position: Uint8Array) => void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
}

interface OwnerState {
  /** Where the next batch begins; undefined: at the first hint. */
  after: Uint8Array | undefined;
  /** Rounds in a row in which nothing was acknowledged. */
  failures: number;
  notBeforeMs: number;
  /** Rounds in a row that began at the first hint and found none, though some are counted. */
  vainRounds: number;
}

type HintsRead = Extract<HintBatch, { status: "read" }>;

export class HintDelivery {
  readonly #parts: HintDeliveryParts;
  readonly #owners = new Map<NodeId, OwnerState>();
  /** To be delivered to as soon as fewer than `ownersMax` are. */
  readonly #due = new Set<NodeId>();
  readonly #underWay = new Set<NodeId>();

  constructor(parts: HintDeliveryParts) {
    this.#parts = parts;
  }

  /** From now on until the process ends. */
  start(): void {
    this.#parts.timers.after(this.#parts.settings.handoffIntervalMs, () => {
      this.#scan();
      this.start();
    });
  }

  /** Its backoff, if it has one, is over: what failed before says nothing of the owner that is there now. */
  peerConnected(peer: NodeId): void {
    const { settleMsMin, settleMsMax } = HANDOFF;
    const { timers, random } = this.#parts;
    timers.after(settleMsMin + random.below(settleMsMax - settleMsMin), () => {
      const owner = this.#owners.get(peer);
      if (owner !== undefined) Object.assign(owner, { failures: 0, notBeforeMs: 0 });
      this.#due.add(peer);
      this.#beginDue();
    });
  }

  #scan(): void {
    void this.#mendUnreadable();
    const members = this.#parts.ring.current()?.members ?? [];
    for (const owner of this.#owners.keys()) if (!this.#isMember(owner)) this.#owners.delete(owner);
    for (const { id } of members) this.#due.add(id);
    this.#beginDue();
  }

  #beginDue(): void {
    for (const owner of this.#due) {
      if (this.#underWay.size >= HANDOFF.ownersMax) return;
      this.#due.delete(owner);
      if (this.#underWay.has(owner) || !this.#isReachable(owner)) continue;
      const state = this.#owners.get(owner) ?? {
        after: undefined,
        failures: 0,
        notBeforeMs: 0,
        vainRounds: 0,
      };
      if (state.notBeforeMs > this.#parts.clock.monotonicMs()) continue;
      this.#owners.set(owner, state);
      this.#underWay.add(owner);
      void this.#deliverAll(owner, state).then(() => {
        this.#underWay.delete(owner);
        this.#beginDue();
      });
    }
  }

  async #deliverAll(owner: NodeId, state: OwnerState): Promise<void> {
    const { store, settings } = this.#parts;
    let delivered = 0;
    while (this.#isReachable(owner)) {
      const startMs = this.#parts.clock.monotonicMs();
      const limits = { rows: settings.handoffBatchRows, bytes: HANDOFF.batchBytes };
      const batch = await store.hintsFor({ owner, after: state.after, limits });
      if (batch.status === "failed") return this.#interrupted(owner, state, delivered);
      await this.#mend(batch.rotten, owner);
      if (state.after === undefined) await this.#lookCloser(owner, state, batch);
      const fates = await Promise.all(batch.hints.map((hint) => this.#deliver(hint, owner)));
      const durationMs = this.#parts.clock.monotonicMs() - startMs;
      if (fates.length > 0)
        this.#parts.observer.event({ kind: "hints_sent", ownerId: owner, fates, durationMs });
      state.after = batch.next;
      const acknowledged = fates.filter((fate) => fate === "delivered").length;
      delivered += acknowledged;
      if (acknowledged > 0) state.failures = 0;
      if (!mayGoOn(fates)) return this.#interrupted(owner, state, delivered);
      if (batch.next === undefined) return this.#completed(owner, state, delivered);
      await this.#pause(pauseAfterMs(durationMs));
    }
    this.#interrupted(owner, state, delivered);
  }

  /** Rows of which nobody can say whom they are kept for. */
  async #mendUnreadable(): Promise<void> {
    const limits = { rows: this.#parts.settings.handoffBatchRows, bytes: HANDOFF.batchBytes };
    const batch = await this.#parts.store.hintsFor({ owner: NO_OWNER, after: undefined, limits });
    if (batch.status === "read") await this.#mend(batch.rotten, NO_OWNER);
  }

  /** The order of an index may have rotted, so that rows are passed over: two such rounds are no write under way. */
  async #lookCloser(owner: NodeId, state: OwnerState, { hints, rotten }: HintsRead): Promise<void> {
    const isVain = hints.length + rotten.length === 0 && this.#parts.store.hintsCounted(owner) > 0;
    state.vainRounds = isVain ? state.vainRounds + 1 : 0;
    if (state.vainRounds < 2) return;
    state.vainRounds = 0;
    await this.#parts.store.mendHint({ position: FIRST_PLACE, owner });
  }

  async #mend(rotten: readonly RottenHint[], owner: NodeId): Promise<void> {
    for (const { position, database } of rotten) {
      if (database === "data") this.#parts.onCorruptRow(position);
      const mended = await this.#parts.store.mendHint({ position, owner });
      if (mended.ok) continue;
      if (mended.code === "hint_lost") this.#parts.onLost({ position, owner });
      if (mended.code === "storage_lost") return;
    }
  }

  async #deliver({ position, record, digest }: KeptHint, owner: NodeId): Promise<HintFate> {
    if (record === undefined) return this.#dropMarker(position, digest, owner);
    const limits = { timeoutMs: HANDOFF.acknowledgeTimeoutMs, lane: "bulk" } as const;
    const fate = fateOfAnswer(
      await askToStore(owner, { position, record, keptFor: [], handedOver: true }, limits, this.#parts),
    );
    if (fate !== "delivered") return fate;
    return (await this.#parts.store.forgetHint({ position, digest, owner })).ok
      ? "delivered"
      : "not_forgotten";
  }

  /** There is nothing that the owner could be given. Other owners may have it, and anti-entropy will tell. */
  async #dropMarker(position: Uint8Array, digest: Uint8Array, owner: NodeId): Promise<HintFate> {
    if (!(await this.#parts.store.forgetHint({ position, digest, owner })).ok) return "not_forgotten";
    this.#parts.observer.event({ kind: "marker_dropped", ownerId: owner });
    return "record_lost";
  }

  #completed(owner: NodeId, state: OwnerState, delivered: number): void {
    state.failures = 0;
    if (delivered === 0) return;
    this.#parts.observer.event({ kind: "handoff_completed", ownerId: owner, delivered });
    this.#parts.onCompleted(owner);
  }

  #interrupted(owner: NodeId, state: OwnerState, delivered: number): void {
    state.failures += 1;
    const { clock, settings } = this.#parts;
    state.notBeforeMs = clock.monotonicMs() + backoffMs(state.failures, settings.handoffIntervalMs);
    this.#parts.observer.event({ kind: "handoff_interrupted", ownerId: owner, delivered });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(delayMs, resolve));
  }

  #isReachable(owner: NodeId): boolean {
    return owner !== this.#parts.self && this.#isMember(owner) && this.#parts.isConnected(owner);
  }

  #isMember(node: NodeId): boolean {
    return this.#parts.ring.current()?.members.some(({ id }) => id === node) ?? false;
  }
}
