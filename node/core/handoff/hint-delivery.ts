import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import {
  FIRST_PLACE,
  type HintBatch,
  type HintPlace,
  NO_OWNER,
  type RottenHint,
} from "../ports/hint-store.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import type { NodeSettings } from "../settings.ts";
import { isGivenUp } from "../ring/change/departed.ts";
import type { Ring } from "../ring/ring.ts";
import { backoffMs, HANDOFF, mayGoOn, pauseAfterMs } from "./handoff-pace.ts";
import { type HandedOver, HintHandover, type HintHandoverParts } from "./hint-handover.ts";
import { isMember } from "./hint-recipients.ts";

/**
 * Hinted handoff (Dynamo §4.6): what this node keeps for others goes to them as soon as they are there again. Every
 * 10 s, and when an owner connects, its hints are read in batches and sent as ordinary records for it to merge.
 *
 * A crash, a lost answer or a newer write in between leaves the hint where it is, and it is delivered again; merging
 * it twice changes nothing. When it may go: hint-handover.ts.
 *
 * One batch at a time for an owner, few owners at a time, pauses in between. A batch that failed is passed over until
 * the next round, so that no record can hold up those behind it.
 *
 * Orphans, hints for nodes that are no members any more, go to the current owners of their partitions; so do hints for
 * a member that owned the partition once, whether it is there or not. Where some of those owners are away the others get them all the
 * same, once: from then on they wait until all are there.
 */
export interface HintDeliveryParts extends HintHandoverParts {
  readonly settings: Pick<NodeSettings, "handoffIntervalMs" | "handoffBatchRows">;
  /** Something was delivered to this owner, and nothing is left that could be. */
  readonly onCompleted: (owner: NodeId) => void;
  /** This owner will not be given what was kept for it at this place: the copy has rotted. */
  readonly onLost: (place: HintPlace) => void;
  /** A row of this node's own data failed its check. */
  readonly onCorruptRow: (position: Uint8Array) => void;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

interface OwnerState {
  /** Where the next batch begins; undefined: at the first hint. */
  after: Uint8Array | undefined;
  /** Rounds in a row in which nothing was acknowledged. */
  failures: number;
  notBeforeMs: number;
  /** Rounds in a row that began at the first hint and found none, though some are counted. */
  vainRounds: number;
  /** The ring under which all were looked at, and offered to those that were there. */
  offeredUnder: Ring | undefined;
  /** The ring of the rounds so far: with another one they begin at the first hint. */
  ring: Ring | undefined;
  /** Whether some wait for others than the owner: of the hints before `after`, and of all when all were last looked at. */
  displacedSoFar: boolean;
  hasDisplaced: boolean;
}

/** What a round has come to so far. */
interface Round {
  delivered: number;
  readonly waitsFor: Set<NodeId>;
}

type HintsRead = Extract<HintBatch, { status: "read" }>;

export class HintDelivery {
  readonly #parts: HintDeliveryParts;
  readonly #handover: HintHandover;
  readonly #owners = new Map<NodeId, OwnerState>();
  /** To be delivered to as soon as fewer than `ownersMax` are. */
  readonly #due = new Set<NodeId>();
  readonly #underWay = new Set<NodeId>();

  constructor(parts: HintDeliveryParts) {
    this.#parts = parts;
    this.#handover = new HintHandover(parts);
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
    const orphaning = this.#parts.store.hintOwners().filter((owner) => this.#isOrphaning(owner));
    const owners = new Set([...members.map(({ id }) => id), ...orphaning]);
    for (const owner of this.#owners.keys()) if (!owners.has(owner)) this.#owners.delete(owner);
    for (const owner of owners) this.#due.add(owner);
    this.#beginDue();
  }

  #beginDue(): void {
    for (const owner of this.#due) {
      if (this.#underWay.size >= HANDOFF.ownersMax) return;
      this.#due.delete(owner);
      if (this.#underWay.has(owner) || !this.#mayBegin(owner)) continue;
      const state = this.#owners.get(owner) ?? {
        after: undefined,
        failures: 0,
        notBeforeMs: 0,
        vainRounds: 0,
        offeredUnder: undefined,
        ring: undefined,
        displacedSoFar: false,
        hasDisplaced: false,
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
    const round: Round = { delivered: 0, waitsFor: new Set() };
    const ring = this.#parts.ring.current();
    const toSome = state.offeredUnder !== ring;
    if (state.ring !== ring) Object.assign(state, { ring, after: undefined });
    while (this.#mayBegin(owner) && this.#parts.ring.current() === ring) {
      const startMs = this.#parts.clock.monotonicMs();
      const limits = { rows: settings.handoffBatchRows, bytes: HANDOFF.batchBytes };
      const batch = await store.hintsFor({ owner, after: state.after, limits });
      if (batch.status === "failed") return this.#interrupted(owner, state, round);
      await this.#mend(batch.rotten, owner);
      if (state.after === undefined) await this.#lookCloser(owner, state, batch);
      if (state.after === undefined) state.displacedSoFar = false;
      const handedOver = await Promise.all(
        batch.hints.map((hint) => this.#handover.handOver(hint, owner, toSome)),
      );
      const fates = handedOver.map(({ fate }) => fate);
      const durationMs = this.#parts.clock.monotonicMs() - startMs;
      const kind = this.#isOrphaning(owner) ? "orphans_sent" : "hints_sent";
      if (fates.length > 0) this.#parts.observer.event({ kind, ownerId: owner, fates, durationMs });
      state.after = batch.next;
      if (count(handedOver, round) > 0) state.failures = 0;
      if (round.waitsFor.size > 0) state.displacedSoFar = true;
      if (!mayGoOn(fates)) return this.#interrupted(owner, state, round);
      if (batch.next === undefined) {
        state.offeredUnder = ring;
        state.hasDisplaced = state.displacedSoFar;
        return this.#completed(owner, state, round);
      }
      await this.#pause(pauseAfterMs(durationMs));
    }
    this.#interrupted(owner, state, round);
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

  #completed(owner: NodeId, state: OwnerState, round: Round): void {
    const { delivered, waitsFor } = round;
    if (waitsFor.size > 0) return this.#interrupted(owner, state, round);
    state.failures = 0;
    if (delivered === 0) return;
    if (this.#isOrphaning(owner) || !this.#parts.isConnected(owner))
      return this.#parts.observer.event({ kind: "orphans_handed_over", ownerId: owner, delivered });
    this.#parts.observer.event({ kind: "handoff_completed", ownerId: owner, delivered });
    this.#parts.onCompleted(owner);
  }

  #interrupted(owner: NodeId, state: OwnerState, { delivered, waitsFor }: Round): void {
    state.failures += 1;
    const { clock, settings } = this.#parts;
    state.notBeforeMs = clock.monotonicMs() + backoffMs(state.failures, settings.handoffIntervalMs);
    if (!this.#isOrphaning(owner) && waitsFor.size === 0)
      return this.#parts.observer.event({ kind: "handoff_interrupted", ownerId: owner, delivered });
    const told = [...waitsFor].slice(0, TOLD_MAX);
    this.#parts.observer.event({ kind: "orphans_waiting", ownerId: owner, delivered, waitsFor: told });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(delayMs, resolve));
  }

  /** Of an orphan each current owner is reached or not, hint by hint. */
  #mayBegin(owner: NodeId): boolean {
    const ring = this.#parts.ring.current();
    if (ring === undefined || isGivenUp(ring, this.#parts.self)) return false;
    if (this.#isOrphaning(owner)) return true;
    if (owner === this.#parts.self || !isMember(owner, this.#parts.ring)) return false;
    return this.#parts.isConnected(owner) || this.#mayHaveDisplaced(owner);
  }

  /** Some of what is kept for a member that is away may be for others by now: looked for once a ring, then if there are any. */
  #mayHaveDisplaced(owner: NodeId): boolean {
    const { ring, store } = this.#parts;
    if (ring.current()?.format !== 2 || store.hintsCounted(owner) === 0) return false;
    const state = this.#owners.get(owner);
    return state === undefined || state.offeredUnder !== ring.current() || state.hasDisplaced;
  }

  /** Without a ring nobody can say who has left it. */
  #isOrphaning(owner: NodeId): boolean {
    return this.#parts.ring.current() !== undefined && !isMember(owner, this.#parts.ring);
  }
}

/** Of members in one line of a log. */
const TOLD_MAX = 8;

/** How many of them were delivered. */
function count(handedOver: readonly HandedOver[], round: Round): number {
  const delivered = handedOver.filter(({ fate }) => fate === "delivered").length;
  round.delivered += delivered;
  for (const { waitsFor } of handedOver) for (const node of waitsFor) round.waitsFor.add(node);
  return delivered;
}
