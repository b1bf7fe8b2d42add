import type { ExchangeLimits } from "../antientropy/exchange.ts";
import type { ExchangeReport } from "../antientropy/exchange-report.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import { movesOf, type PartitionMove, transferSources } from "../ring/change/change-progress.ts";
import type { ElasticRing } from "../ring/ring.ts";
import type { RingState } from "../ring/ring-state.ts";
import type { NodeSettings } from "../settings.ts";
import { type NextTransfer, nextTransfer } from "./next-transfer.ts";
import { TransferLedger } from "./transfer-ledger.ts";

/**
 * Gets this node the copies that a change of the ring moves to it (decision 15): it compares with the owners so far, a few
 * partitions at a time, and keeps what they have. Nothing is lost by an interruption: what is equal already is not moved again.
 *
 * At most two exchanges at a time are begun here and two are served (antientropy/transfers-out.ts), each with the pauses of
 * anti-entropy. A source that fails is left alone for a while, longer each time.
 *
 * Invariant: a partition counts as equal with a source only where that source and the barrier's number of owners had taken over the begin
 * before the exchange with it began, it was connected all the time and no row of this node's was on its way out.
 */
export interface TransferParts {
  readonly self: NodeId;
  readonly ring: RingState;
  readonly settings: Pick<NodeSettings, "writeQuorum">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
  /** Whether it durably serves the begin of the change under way, or a later epoch. */
  readonly isFencing: (node: NodeId) => boolean;
  readonly isConnected: (peer: NodeId) => boolean;
  /** False while it has not got back what its disk lost. */
  readonly isVoter: (node: NodeId) => boolean;
  readonly exchange: (
    peer: NodeId,
    partitions: readonly number[],
    limits: ExchangeLimits,
  ) => Promise<ExchangeReport>;
  /** Resolves once no row is under way out of data.db (handoff/misplaced-copies.ts). */
  readonly dropsSettled: () => Promise<void>;
}

export const TRANSFERS_IN_MAX = 2;
/** Whoever fences is learnt by gossip: there is no event to wait for. */
const LOOK_MS = 500;
/** What is cut goes on where it was, since what has arrived is equal. */
const TRANSFER_MS_MAX = 120_000;
const POSTPONED_MS = 1_000;
const BACKOFF_MS = 500;
const BACKOFF_MS_MAX = 30_000;

interface Backoff {
  readonly failures: number;
  readonly notBeforeMs: number;
}

interface UnderWay extends NextTransfer {
  isBroken: boolean;
}

export class Transfer {
  readonly #parts: TransferParts;
  readonly #ledger = new TransferLedger();
  readonly #underWay = new Set<UnderWay>();
  readonly #backoffs = new Map<NodeId, Backoff>();
  #ring: ElasticRing | undefined;
  #change = "";
  /** That this node gains; empty in any other phase than transfer. */
  #moves: readonly PartitionMove[] = [];
  #turn = 0;
  #isLooking = false;

  constructor(parts: TransferParts) {
    this.#parts = parts;
  }

  /** To be called with each ring, and once at the start. */
  ringChanged(): void {
    const ring = this.#parts.ring.current();
    const { self } = this.#parts;
    this.#ring = ring !== undefined && ring.format === 2 ? ring : undefined;
    this.#backoffs.clear();
    if (this.#ring?.change?.phase !== "transfer") {
      this.#moves = [];
      return;
    }
    this.#change = this.#ledger.open(this.#ring);
    this.#moves = movesOf(this.#ring).filter(({ gaining }) => gaining.includes(self));
    this.#turn = this.#parts.random.below(1_000);
    this.#look();
  }

  /** What an exchange with it finds from now on may be of another process, on another disk. */
  disconnected(peer: NodeId): void {
    for (const transfer of this.#underWay) if (transfer.source === peer) transfer.isBroken = true;
  }

  peerConnected(peer: NodeId): void {
    this.#backoffs.delete(peer);
    this.#look();
  }

  /** The owners before the change that this node has become equal with in that partition. */
  equalWith(partition: number): ReadonlySet<NodeId> {
    return this.#ledger.equalWith(partition);
  }

  #look(): void {
    if (this.#isLooking || this.#moves.length === 0) return;
    this.#isLooking = true;
    this.#begin();
    this.#parts.timers.after(LOOK_MS, () => {
      this.#isLooking = false;
      this.#look();
    });
  }

  #begin(): void {
    while (this.#underWay.size < TRANSFERS_IN_MAX) {
      const next = nextTransfer({
        moves: this.#moves,
        w: this.#parts.settings.writeQuorum,
        isFencing: this.#parts.isFencing,
        isUsable: (source) => this.#isUsable(source),
        isBusy: (partition) => this.#isBusy(partition),
        equalWith: (partition) => this.#ledger.equalWith(partition),
        turn: this.#turn++,
      });
      if (next === undefined) return;
      const transfer = { ...next, isBroken: false };
      this.#underWay.add(transfer);
      void this.#run(transfer).then(() => {
        this.#underWay.delete(transfer);
        this.#begin();
      });
    }
  }

  async #run(transfer: UnderWay): Promise<void> {
    const { clock, observer, exchange, dropsSettled } = this.#parts;
    const { source, partitions } = transfer;
    await dropsSettled();
    const change = this.#change;
    const proving = partitions.filter((partition) => this.#isSource(source, partition));
    if (proving.length === 0) return this.#failed(source);
    const report = await exchange(source, proving, {
      deadlineMs: clock.monotonicMs() + TRANSFER_MS_MAX,
      isWanted: () => !transfer.isBroken && this.#moves.length > 0 && this.#change === change,
      recheckMs: undefined,
    });
    const unreadable = new Set(report.partitionsUnreadable);
    const equal =
      transfer.isBroken || !this.#parts.isVoter(source)
        ? []
        : report.partitionsCovered.filter((partition) => !unreadable.has(partition));
    this.#ledger.note(change, source, equal);
    const counts = { partitions: proving.length, equal: equal.length };
    observer.event({ kind: "partitions_transferred", ...report, ...counts, peerId: source });
    if (report.outcome === "postponed") this.#postponed(source);
    else if (equal.length === 0) this.#failed(source);
    else this.#backoffs.delete(source);
  }

  #isSource(source: NodeId, partition: number): boolean {
    const { settings, isFencing } = this.#parts;
    const move = this.#moves.find((each) => each.partition === partition);
    if (move === undefined || !this.#parts.isVoter(source)) return false;
    return transferSources(move, { w: settings.writeQuorum, isFencing })?.includes(source) ?? false;
  }

  #isUsable(source: NodeId): boolean {
    const { isConnected, isVoter, clock } = this.#parts;
    if (!isConnected(source) || !isVoter(source)) return false;
    if ([...this.#underWay].some((transfer) => transfer.source === source)) return false;
    return (this.#backoffs.get(source)?.notBeforeMs ?? 0) <= clock.monotonicMs();
  }

  #isBusy(partition: number): boolean {
    return [...this.#underWay].some(({ partitions }) => partitions.includes(partition));
  }

  /** It gives copies to others: its turn comes within seconds, however often that happens. */
  #postponed(source: NodeId): void {
    const { failures = 0 } = this.#backoffs.get(source) ?? {};
    const notBeforeMs = this.#parts.clock.monotonicMs() + POSTPONED_MS * (0.5 + this.#chance());
    this.#backoffs.set(source, { failures, notBeforeMs });
  }

  #failed(source: NodeId): void {
    const failures = (this.#backoffs.get(source)?.failures ?? 0) + 1;
    const backoffMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** Math.min(failures - 1, 16));
    const notBeforeMs = this.#parts.clock.monotonicMs() + backoffMs * (0.5 + this.#chance());
    this.#backoffs.set(source, { failures, notBeforeMs });
  }

  #chance(): number {
    return this.#parts.random.below(1_000) / 1_000;
  }
}
