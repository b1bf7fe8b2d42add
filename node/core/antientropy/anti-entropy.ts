import type { NodeId } from "../node-id.ts";
import type { MerkleStore } from "../ports/merkle-store.ts";
import type { NodeSettings } from "../settings.ts";
import { CorruptRows } from "./corrupt-rows.ts";
import { Exchange, type ExchangeParts } from "./exchange.ts";
import { type ExchangeReport, noExchange } from "./exchange-report.ts";
import { ExchangeSchedule } from "./exchange-schedule.ts";
import { ExchangeServer } from "./exchange-server.ts";
import { Scrub } from "./scrub.ts";
import { coOwners } from "./shared-partitions.ts";

/**
 * Anti-entropy of one node (Dynamo §4.7): it compares its copies with each co-owner's once an interval, soon after a
 * peer connects or a handoff ends, and when it is asked to. One exchange at a time begins here; those that others begin
 * are served beside it, but none while records may be moving for an exchange of its own: the same records would come
 * twice.
 */
export interface AntiEntropyParts extends Omit<ExchangeParts, "onCorrupt"> {
  readonly merkle: MerkleStore;
  readonly settings: Pick<NodeSettings, "antiEntropyIntervalMs" | "antiEntropyRecheckMs" | "scrubIntervalMs">;
}

/** How the last exchange with a peer ended, whoever began it. */
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
const POSTPONED_PAUSE_MS = 500;

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
  #isComparingNow = false;
  #disarm: () => void = () => undefined;

  constructor(parts: AntiEntropyParts) {
    this.#parts = parts;
    const onCorrupt = (position: Uint8Array): void => this.corruptRowFound(position);
    this.#exchangeParts = { ...parts, onCorrupt };
    this.#schedule = new ExchangeSchedule(parts.settings.antiEntropyIntervalMs);
    this.#server = new ExchangeServer({
      ...parts,
      mayBegin: (peer) => this.#mayServe(peer),
      onEqual: (peer, partitions) => this.#foundEqual(peer, partitions),
      onCorrupt,
    });
    this.#corruptRows = new CorruptRows(parts);
    this.#scrub = new Scrub({ ...parts, scrubIntervalMs: parts.settings.scrubIntervalMs, onCorrupt });
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

  /** One exchange with every co-owner, one after the other. Never rejects; takes little more than `timeoutMs`. */
  async compareNow(timeoutMs: number): Promise<ComparedNow> {
    const { ring, self } = this.#parts;
    if (ring.current() === undefined) return { status: "no_ring" };
    if (this.#isComparingNow) return { status: "busy" };
    this.#isComparingNow = true;
    const deadlineMs = this.#nowMs() + timeoutMs;
    const exchanges: ExchangeReport[] = [];
    for (const peer of coOwners(ring, self)) exchanges.push(await this.#compareWith(peer, deadlineMs));
    this.#isComparingNow = false;
    this.#arm();
    return { status: "compared", exchanges };
  }

  async #compareWith(peer: NodeId, deadlineMs: number): Promise<ExchangeReport> {
    for (;;) {
      if (!this.#parts.isConnected(peer)) return failed(peer, "this node is not connected to it");
      const report = await this.#exchangeUntil(peer, deadlineMs);
      const leftMs = deadlineMs - this.#nowMs();
      if (report.outcome !== "postponed" || leftMs <= POSTPONED_PAUSE_MS) return report;
      await this.#pause(POSTPONED_PAUSE_MS);
    }
  }

  #exchangeUntil(peer: NodeId, deadlineMs: number): Promise<ExchangeReport> {
    return new Promise((resolve) => {
      const cancel = this.#parts.timers.after(Math.max(0, deadlineMs - this.#nowMs()), () =>
        resolve(failed(peer, "time was up; an exchange that is under way goes on")),
      );
      void this.#exchange(peer, deadlineMs).then((report) => {
        cancel();
        resolve(report);
      });
    });
  }

  /** Sets the timer for whoever is due first. */
  #arm(): void {
    this.#disarm();
    if (this.#underWay !== undefined || this.#isComparingNow) return;
    const { ring, self, isConnected, timers, settings } = this.#parts;
    const first = this.#schedule.first(coOwners(ring, self).filter(isConnected));
    if (first === undefined) {
      // Nobody is there. Whoever comes is announced; this is for the one whose coming was missed.
      this.#disarm = timers.after(settings.antiEntropyIntervalMs, () => this.#arm());
      return;
    }
    this.#disarm = timers.after(Math.max(0, first.dueMs - this.#nowMs()), () => {
      if (!isConnected(first.peer)) return this.#arm();
      void this.#exchange(first.peer, this.#nowMs() + EXCHANGE_MS_MAX).then(() => this.#arm());
    });
  }

  #exchange(peer: NodeId, deadlineMs: number): Promise<ExchangeReport> {
    const report = this.#turn.then(async () => {
      // It waited for another exchange until its time was up. That says nothing of the peer.
      if (this.#nowMs() >= deadlineMs) return failed(peer, "time was up before it could begin");
      const limits = { deadlineMs, recheckMs: this.#parts.settings.antiEntropyRecheckMs };
      const exchange = new Exchange(peer, limits, this.#exchangeParts);
      this.#underWay = exchange;
      try {
        return this.#ended(await exchange.run());
      } finally {
        this.#underWay = undefined;
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
    if (partitionsCovered.length > 0) for (const handler of this.#handlers) handler(peer, partitionsCovered);
    return report;
  }

  #foundEqual(peer: NodeId, partitions: readonly number[]): void {
    const nowMs = this.#nowMs();
    this.#schedule.ended(peer, "equal", { nowMs, chance: this.#parts.random.below(1_000) / 1_000 });
    this.#last.set(peer, { endedMs: nowMs, outcome: "equal", reason: "", recordsMoved: 0, equalMs: nowMs });
    for (const handler of this.#handlers) handler(peer, partitions);
    this.#arm();
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
  return { ...noExchange(), peer, outcome: "failed", reason, partitionsCovered: [], durationMs: 0 };
}
