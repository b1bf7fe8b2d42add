import type { NodeId } from "../node-id.ts";
import type { MerkleStore } from "../ports/merkle-store.ts";
import type { Stored } from "../ports/replica-store.ts";
import type { TombstoneStore } from "../ports/tombstone-store.ts";
import type { KeepersRing } from "../ring/keepers.ts";
import type { NodeSettings } from "../settings.ts";
import { CorruptRows } from "./corrupt-rows.ts";
import { Exchange, type ExchangeLimits, type ExchangeParts } from "./exchange.ts";
import { type ExchangeReport, noExchange, type TimeAllowed } from "./exchange-report.ts";
import { ExchangeSchedule } from "./exchange-schedule.ts";
import { ExchangeServer } from "./exchange-server.ts";
import { Scrub } from "./scrub.ts";
import { TombstoneRecount } from "./tombstone-recount.ts";
import { coOwners } from "./shared-partitions.ts";

/**
 * Anti-entropy of one node (Dynamo §4.7): it compares its copies with each co-owner's once an interval, soon after a
 * peer connects or a handoff ends, and when it is asked to. One exchange at a time begins here; those that others begin
 * are served beside it, but none while records may be moving for an exchange of its own: the same records would come
 * twice.
 */
export interface AntiEntropyParts extends Omit<ExchangeParts, "ring" | "onCorrupt" | "onRootsWrong"> {
  readonly ring: KeepersRing;
  readonly merkle: MerkleStore;
  readonly tombstones: TombstoneStore;
  /** See ExchangeServerParts. */
  readonly isRecovering: () => boolean;
  readonly settings: Pick<NodeSettings, "antiEntropyIntervalMs" | "antiEntropyRecheckMs" | "scrubIntervalMs">;
}

/**
 * How the last exchange with a peer ended that this node began, or that the peer began and that found all equal: whoever
 * is asked is not told how the rest of an exchange went.
 */
export interface LastExchange {
  readonly peer: NodeId;
  readonly agoMs: number;
  readonly outcome: "equal" | "repaired" | "failed";
  /** For people; empty where nothing went wrong. */
  readonly reason: string;
  readonly recordsMoved: number;
  /** Since all that both own was found equal; undefined where it never was since the start. */
  readonly equalAgoMs: number | undefined;
}

export type ComparedNow =
  | { readonly status: "compared"; readonly exchanges: readonly ExchangeReport[] }
  | { readonly status: "no_ring" | "busy" };

/** Called after each exchange with the partitions in which this node holds all that the peer held. */
export type ComparedHandler = (peer: NodeId, partitions: readonly number[]) => void;

/** From a connection to the first exchange: both connections must stand, and hints may go first. */
const SOON_MS = 2_000;
/** An exchange that takes longer is cut; the next one finds less to do. */
const EXCHANGE_MS_MAX = 600_000;
/** Before those that put an exchange off are asked again; twice as long each time, up to the bound. */
const POSTPONED_PAUSE_MS = 500;
const POSTPONED_PAUSE_MS_MAX = 8_000;

interface Kept {
  readonly endedMs: number;
  readonly outcome: LastExchange["outcome"];
  readonly reason: string;
  readonly recordsMoved: number;
  readonly equalMs: number | undefined;
}

export class AntiEntropy {
  readonly #parts: AntiEntropyParts;
  readonly #exchangeParts: ExchangeParts;
  readonly #schedule: ExchangeSchedule;
  readonly #server: ExchangeServer;
  readonly #corruptRows: CorruptRows;
  readonly #scrub: Scrub;
  readonly #last = new Map<NodeId, Kept>();
  readonly #handlers: ComparedHandler[] = [];
  #underWay: Exchange | undefined;
  /** Settles when nobody exchanges any more, so that the next one may. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Those that compareNow comes back to, and the schedule leaves to it; undefined where it is not under way. */
  #comingBackTo: readonly NodeId[] | undefined;
  #disarm: () => void = () => undefined;

  constructor(parts: AntiEntropyParts) {
    this.#parts = parts;
    const onCorrupt = (position: Uint8Array): void => this.corruptRowFound(position);
    const onRootsWrong = (leaves: readonly number[]): Promise<Stored> => this.#rebuildRoots(leaves);
    this.#exchangeParts = { ...parts, onCorrupt, onRootsWrong };
    this.#schedule = new ExchangeSchedule(parts.settings.antiEntropyIntervalMs);
    this.#server = new ExchangeServer({
      ...parts,
      mayBegin: (peer) => this.#mayServe(peer),
      onEqual: (peer, partitions) => this.#foundEqual(peer, partitions),
      onCorrupt,
      onRootsWrong: (leaves) => void onRootsWrong(leaves),
    });
    this.#corruptRows = new CorruptRows(parts);
    const recount = new TombstoneRecount(parts);
    const onStep = (): void => recount.wake();
    this.#scrub = new Scrub({ ...parts, scrubIntervalMs: parts.settings.scrubIntervalMs, onCorrupt, onStep });
  }

  /** From now on until the process ends. */
  start(): void {
    this.#arm();
    this.#scrub.start();
  }

  /** Compares with this peer within two seconds or as soon as it is a connected co-owner. */
  compareSoon(peer: NodeId): void {
    this.#schedule.soon(peer, this.#nowMs() + this.#parts.random.below(SOON_MS));
    this.#arm();
  }

  /** There may be other co-owners now. */
  ringChanged(): void {
    this.compareWithAll();
  }

  /** Each co-owner, as compareSoon. */
  compareWithAll(): void {
    for (const peer of coOwners(this.#parts.ring, this.#parts.self)) this.compareSoon(peer);
  }

  onCompared(handler: ComparedHandler): void {
    this.#handlers.push(handler);
  }

  /** A row of this node's failed its check: it is fetched from a co-owner. */
  corruptRowFound(position: Uint8Array): void {
    this.#corruptRows.found(position);
  }

  /** Answers a message of kind "anti_entropy". Throws MalformedBytes. */
  answer(from: NodeId, body: Uint8Array): Promise<Uint8Array> {
    return this.#server.answer(from, body);
  }

  /** Ascending by peer; those that this node has not exchanged with are left out. */
  lastExchanges(): LastExchange[] {
    const nowMs = this.#nowMs();
    return [...this.#last]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([peer, { endedMs, outcome, reason, recordsMoved, equalMs }]) => ({
        peer,
        agoMs: nowMs - endedMs,
        outcome,
        reason,
        recordsMoved,
        equalAgoMs: equalMs === undefined ? undefined : nowMs - equalMs,
      }));
  }

  /**
   * Compares some partitions, ascending, with a peer that keeps them too, and moves what differs: for copies that this node
   * is to have. Beside what goes on by itself, since that leaves out what a change has yet to move here. Never rejects.
   */
  async exchange(
    peer: NodeId,
    partitions: readonly number[],
    limits: ExchangeLimits,
  ): Promise<ExchangeReport> {
    const report = await new Exchange(peer, limits, this.#exchangeParts, partitions).run();
    this.#compared(peer, report.partitionsCovered);
    return report;
  }

  /**
   * One exchange with every co-owner, one after the other; then those that put it off are asked again, less and less
   * often, and scheduled exchanges go on in between. Never rejects; takes little more than `timeoutMs`, and ends early
   * once `isWanted` is false: an exchange that is under way then stops before its next question.
   */
  async compareNow(timeoutMs: number, isWanted: () => boolean = () => true): Promise<ComparedNow> {
    const { ring, self } = this.#parts;
    if (ring.current() === undefined) return { status: "no_ring" };
    if (this.#comingBackTo !== undefined) return { status: "busy" };
    const limits = { deadlineMs: this.#nowMs() + timeoutMs, isWanted };
    const reports = new Map<NodeId, ExchangeReport>();
    let peers: readonly NodeId[] = coOwners(ring, self);
    this.#comingBackTo = peers;
    for (let pauseMs = POSTPONED_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, POSTPONED_PAUSE_MS_MAX)) {
      for (const peer of peers) await this.#compareWith(peer, limits, reports);
      peers = peers.filter((peer) => reports.get(peer)?.outcome === "postponed");
      if (peers.length === 0 || !isWanted() || limits.deadlineMs - this.#nowMs() <= pauseMs) break;
      this.#comingBackTo = peers;
      this.#arm();
      await this.#pause(pauseMs);
    }
    this.#comingBackTo = undefined;
    this.#arm();
    return { status: "compared", exchanges: [...reports.values()] };
  }

  /** One that never got its turn says nothing of the peer: what an earlier one found stays. */
  async #compareWith(peer: NodeId, limits: TimeAllowed, reports: Map<NodeId, ExchangeReport>): Promise<void> {
    const report = this.#parts.isConnected(peer)
      ? await this.#exchangeUntil(peer, limits)
      : failed(peer, "this node is not connected to it");
    if (report !== undefined) reports.set(peer, report);
    else if (!reports.has(peer)) reports.set(peer, failed(peer, "time was up before it could begin"));
  }

  /** Undefined where it could not begin in time. */
  #exchangeUntil(peer: NodeId, limits: TimeAllowed): Promise<ExchangeReport | undefined> {
    return new Promise((resolve) => {
      const cancel = this.#parts.timers.after(Math.max(0, limits.deadlineMs - this.#nowMs()), () =>
        resolve(
          this.#underWay?.peer === peer
            ? failed(peer, "time was up; an exchange that is under way goes on")
            : undefined,
        ),
      );
      void this.#exchange(peer, limits).then((report) => {
        cancel();
        resolve(report);
      });
    });
  }

  /** Sets the timer for whoever is due first. */
  #arm(): void {
    this.#disarm();
    if (this.#underWay !== undefined) return;
    const { ring, self, isConnected, timers, settings } = this.#parts;
    const left = this.#comingBackTo ?? [];
    const first = this.#schedule.first(
      coOwners(ring, self).filter((peer) => isConnected(peer) && !left.includes(peer)),
    );
    if (first === undefined) {
      // Nobody is there. Whoever comes is announced; this is for the one whose coming was missed.
      this.#disarm = timers.after(settings.antiEntropyIntervalMs, () => this.#arm());
      return;
    }
    this.#disarm = timers.after(Math.max(0, first.dueMs - this.#nowMs()), () => {
      // Whoever exchanges now arms it anew.
      if (this.#underWay !== undefined) return;
      if (!isConnected(first.peer)) return this.#arm();
      void this.#exchange(first.peer, { deadlineMs: this.#nowMs() + EXCHANGE_MS_MAX, isWanted: () => true });
    });
  }

  /** Undefined where it could not begin in time. */
  #exchange(peer: NodeId, allowed: TimeAllowed): Promise<ExchangeReport | undefined> {
    const report = this.#turn.then(async () => {
      // It waited for another exchange until nobody waited for it any more.
      if (this.#nowMs() >= allowed.deadlineMs || !allowed.isWanted()) return undefined;
      const limits = { ...allowed, recheckMs: this.#parts.settings.antiEntropyRecheckMs };
      const exchange = new Exchange(peer, limits, this.#exchangeParts);
      this.#underWay = exchange;
      try {
        return this.#ended(await exchange.run());
      } finally {
        this.#underWay = undefined;
        this.#arm();
      }
    });
    this.#turn = report;
    return report;
  }

  #ended(report: ExchangeReport): ExchangeReport {
    const { peer, outcome, reason, partitionsCovered } = report;
    const { random, observer } = this.#parts;
    const nowMs = this.#nowMs();
    this.#schedule.ended(peer, outcome, { nowMs, chance: random.below(1_000) / 1_000 });
    if (outcome !== "postponed") {
      this.#last.set(peer, {
        endedMs: nowMs,
        outcome,
        reason,
        recordsMoved: report.recordsPulled + report.recordsPushed,
        equalMs: outcome === "equal" ? nowMs : this.#last.get(peer)?.equalMs,
      });
    }
    observer.event({ kind: "antientropy_exchanged", ...report, peerId: peer });
    this.#compared(peer, partitionsCovered);
    return report;
  }

  #foundEqual(peer: NodeId, partitions: readonly number[]): void {
    const nowMs = this.#nowMs();
    this.#schedule.ended(peer, "equal", { nowMs, chance: this.#parts.random.below(1_000) / 1_000 });
    this.#last.set(peer, { endedMs: nowMs, outcome: "equal", reason: "", recordsMoved: 0, equalMs: nowMs });
    this.#compared(peer, partitions);
    this.#arm();
  }

  #compared(peer: NodeId, partitions: readonly number[]): void {
    if (partitions.length > 0) for (const handler of this.#handlers) handler(peer, partitions);
  }

  async #rebuildRoots(leaves: readonly number[]): Promise<Stored> {
    const rebuilt = await this.#parts.merkle.rebuildLeaves(leaves);
    if (rebuilt.ok) this.#parts.observer.event({ kind: "tree_roots_rebuilt", blocks: leaves.length });
    return rebuilt;
  }

  /** Of two that ask each other at the same time, the one with the smaller id goes on. */
  #mayServe(peer: NodeId): boolean {
    const own = this.#underWay;
    if (own === undefined) return true;
    if (own.hasFoundDifferences) return false;
    return own.peer !== peer || peer < this.#parts.self;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(Math.max(0, delayMs), resolve));
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}

function failed(peer: NodeId, reason: string): ExchangeReport {
  return {
    ...noExchange(),
    peer,
    outcome: "failed",
    reason,
    partitionsCovered: [],
    partitionsUnreadable: [],
    durationMs: 0,
  };
}
