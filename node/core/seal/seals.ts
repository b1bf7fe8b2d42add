import { pauseBetweenMs } from "../antientropy/exchange-pace.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { ReplicaStore } from "../ports/replica-store.ts";
import type { SealStore, WatchMark } from "../ports/seal-store.ts";
import type { TombstoneStore } from "../ports/tombstone-store.ts";
import type { NodeSettings } from "../settings.ts";
import { SealCalls } from "./seal-calls.ts";
import type { SealRequest } from "./seal-messages.ts";
import {
  firstPass,
  type NoRoundReason,
  type Pass,
  pauseOf,
  type SealAnswer,
  secondPass,
} from "./seal-round.ts";
import { SealServer, type SealServerParts } from "./seal-server.ts";
import { SealableSweep, SealGroups } from "./sealable-sweep.ts";
import type { SealedRow } from "./sealed-record.ts";

/**
 * Seal rounds of one node, which forget what was deleted (seal-round.ts says when that is safe). Once an interval it walks over
 * the partitions of which it is the first owner and puts up to GROUPS_MAX groups of rows through a round at once, since most
 * of a round is its pause. While a member is away nobody begins: that is asked before any row is read.
 *
 * Nothing of a round is kept on disk: one that ends early, or is lost with its process, is begun anew by a later sweep, and what
 * some members have forgotten and others have not is garbage for it.
 */
export interface SealsParts extends Omit<SealServerParts, "store"> {
  readonly store: SealStore & TombstoneStore & Pick<ReplicaStore, "oldestWriteAgeMs">;
  readonly calls: PeerCalls;
  readonly isConnected: (peer: NodeId) => boolean;
  /** Nodes that have left the ring and may still have copies or hints that come to members. */
  readonly departed: () => readonly NodeId[];
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: SealServerParts["settings"] & Pick<NodeSettings, "sealIntervalMs" | "scrubIntervalMs">;
}

/** How the last round ended that this node began. */
export interface LastRound {
  readonly agoMs: number;
  /** "sealed": it went through, though maybe for no row. */
  readonly outcome: RoundOutcome;
  /** Who was the reason; undefined where it is none, or no one. */
  readonly node: NodeId | undefined;
  /** Rows asked about, and those that all members were told to forget. */
  readonly asked: number;
  readonly sealed: number;
}

export type RoundOutcome = "sealed" | NoRoundReason;

/** Rows of one round at most: so many times SEALED_AT_ONCE_MAX. */
const GROUPS_MAX = 8;
/** Clocks drift: the pause is that much longer. */
const PAUSE_MARGIN = 1.01;

type Ended = Omit<LastRound, "agoMs">;

interface Group {
  readonly rows: readonly SealedRow[];
  readonly marks: ReadonlyMap<NodeId, WatchMark>;
}

export class Seals {
  readonly #parts: SealsParts;
  readonly #server: SealServer;
  readonly #calls: SealCalls;
  #last: (Ended & { readonly endedMs: number }) | undefined;
  /** When a sweep last got through: without tombstones there is one a scrub interval, for entries to prune. */
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(parts: SealsParts) {
    this.#parts = parts;
    this.#server = new SealServer(parts);
    this.#calls = new SealCalls({ ...parts, server: this.#server });
  }

  /** From now on until the process ends. */
  start(): void {
    const { sealIntervalMs } = this.#parts.settings;
    if (sealIntervalMs > 0) this.#sweepAfter(this.#parts.random.below(sealIntervalMs));
  }

  /** Answers a message of kind "seal". Throws MalformedBytes. */
  answer(from: NodeId, body: Uint8Array): Promise<Uint8Array> {
    return this.#server.answer(from, body);
  }

  lastRound(): LastRound | undefined {
    if (this.#last === undefined) return undefined;
    const { endedMs, ...ended } = this.#last;
    return { ...ended, agoMs: this.#nowMs() - endedMs };
  }

  #sweepAfter(delayMs: number): void {
    const { timers, random, settings } = this.#parts;
    timers.after(delayMs, () => {
      void this.#sweep().then(() => {
        const { sealIntervalMs } = settings;
        this.#sweepAfter(sealIntervalMs / 2 + random.below(sealIntervalMs));
      });
    });
  }

  async #sweep(): Promise<void> {
    const { ring, self, store, settings } = this.#parts;
    const isPruneDue = this.#nowMs() - this.#sweptMs >= settings.scrubIntervalMs;
    const { count, inDoubt } = store.tombstones();
    if (ring.current() === undefined || (count === 0 && !inDoubt && !isPruneDue)) return;
    const hindrance = this.#hindrance();
    if (hindrance !== undefined) return this.#ended({ ...hindrance, asked: 0, sealed: 0 });
    const digest = ring.hash();
    const sweep = new SealableSweep(store, ring, self);
    while (!sweep.isDone && ring.hash() === digest) {
      const groups = await this.#gather(sweep);
      if (groups === undefined) return;
      if (groups.length === 0) continue;
      const ended = await this.#round(groups, digest);
      this.#ended(ended);
      if (ended.outcome !== "sealed") return;
    }
    this.#sweptMs = this.#nowMs();
  }

  /** Why no round would go through, as far as this node knows by itself. */
  #hindrance(): Pick<Ended, "outcome" | "node"> | undefined {
    const { ring, self, isConnected, isRecovering } = this.#parts;
    if ((ring.current()?.change ?? null) !== null) return { outcome: "changing", node: undefined };
    if (isRecovering()) return { outcome: "recovering", node: self };
    const away = this.#asked().find(({ id }) => id !== self && !isConnected(id));
    return away && { outcome: "silent", node: away.id };
  }

  /** Undefined where rows cannot be read: the scrub says why. */
  async #gather(sweep: SealableSweep): Promise<readonly SealedRow[][] | undefined> {
    const gathered = new SealGroups();
    while (!sweep.isDone && gathered.groups.length < GROUPS_MAX) {
      const startMs = this.#nowMs();
      const read = await sweep.step();
      if (read.status === "failed") return undefined;
      for (const row of read.rows) gathered.add(row);
      await this.#yield(startMs);
    }
    return gathered.groups;
  }

  async #round(groups: readonly SealedRow[][], digest: string): Promise<Ended> {
    const asked = groups.reduce((sum, { length }) => sum + length, 0);
    const begunMs = this.#nowMs();
    const passed: Group[] = [];
    let pauseMs = 0;
    for (const rows of groups) {
      const { pass, group, answers } = await this.#first(rows, digest);
      if (pass.kind === "no_round") return { outcome: pass.reason, node: pass.node, asked, sealed: 0 };
      if (group.rows.length > 0) passed.push(group);
      pauseMs = Math.max(pauseMs, pauseOf(answers));
    }
    const firstMs = this.#nowMs();
    let sealed = 0;
    if (passed.length > 0) await this.#pause(PAUSE_MARGIN * pauseMs);
    for (const group of passed) {
      const { pass, rows } = await this.#second(group, { digest, begunMs, firstMs });
      if (pass.kind === "no_round") return { outcome: pass.reason, node: pass.node, asked, sealed };
      await this.#tell(rows);
      sealed += rows.length;
    }
    return { outcome: "sealed", node: undefined, asked, sealed };
  }

  async #first(rows: readonly SealedRow[], digest: string) {
    const { answers, marks, declined } = await this.#askAll(() => ({ kind: "ask", since: undefined, rows }));
    const pass = orDeclined(firstPass(this.#question(rows), answers), declined);
    const group: Group = { rows: coveredOf(rows, pass), marks };
    const isSame = this.#parts.ring.hash() === digest;
    return {
      pass: isSame ? pass : ({ kind: "no_round", node: undefined, reason: "changing" } as const),
      group,
      answers: answers.values(),
    };
  }

  async #second(
    { rows, marks }: Group,
    { digest, begunMs, firstMs }: { digest: string; begunMs: number; firstMs: number },
  ) {
    const stranger = this.#asked().find(({ id }) => !marks.has(id));
    if (stranger !== undefined)
      return { pass: { kind: "no_round", node: stranger.id, reason: "changing" } as const, rows: [] };
    const pausedMs = this.#nowMs() - firstMs;
    const { answers, declined } = await this.#askAll((id) => ({ kind: "ask", since: marks.get(id), rows }));
    const since = { firstDigest: digest, pausedMs, sinceFirstMs: this.#nowMs() - begunMs };
    const pass = orDeclined(secondPass(this.#question(rows), answers, since), declined);
    return { pass, rows: coveredOf(rows, pass) };
  }

  #asked(): { readonly id: NodeId }[] {
    const members = this.#parts.ring.current()?.members ?? [];
    return [...members.map(({ id }) => ({ id })), ...this.#parts.departed().map((id) => ({ id }))];
  }

  #question(rows: readonly SealedRow[]) {
    const { ring } = this.#parts;
    return {
      ring: { members: this.#asked(), change: ring.current()?.change ?? null },
      digest: ring.hash(),
      records: rows.length,
    };
  }

  async #askAll(requestTo: (member: NodeId) => SealRequest) {
    const startMs = this.#nowMs();
    const answers = new Map<NodeId, SealAnswer>();
    const marks = new Map<NodeId, WatchMark>();
    const declined = new Set<NodeId>();
    const ask = async (id: NodeId): Promise<void> => {
      const reply = await this.#calls.ask(id, requestTo(id));
      if (reply?.status === "declined") declined.add(id);
      if (reply?.status !== "answered") return;
      answers.set(id, reply.answer);
      marks.set(id, reply.mark);
    };
    await Promise.all(this.#asked().map(({ id }) => ask(id)));
    await this.#yield(startMs);
    return { answers, marks, declined };
  }

  /** Whoever is not reached keeps what it has: garbage for a later round. */
  async #tell(rows: readonly SealedRow[]): Promise<void> {
    if (rows.length === 0) return;
    await Promise.all(this.#asked().map(({ id }) => this.#calls.ask(id, { kind: "seal", rows })));
  }

  #ended(ended: Ended): void {
    this.#last = { ...ended, endedMs: this.#nowMs() };
    const { outcome, node, asked, sealed } = ended;
    this.#parts.observer.event({ kind: "seal_round_ended", outcome, peerId: node ?? "", asked, sealed });
  }

  /** Clients go first. */
  #yield(startMs: number): Promise<void> {
    return this.#pause(pauseBetweenMs(this.#nowMs() - startMs, this.#parts.store.oldestWriteAgeMs()));
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(delayMs, resolve));
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}

function coveredOf(rows: readonly SealedRow[], pass: Pass): SealedRow[] {
  return pass.kind === "passed" ? pass.covered.map((index) => rows[index]!) : [];
}

/** A member that answered that it cannot is not a silent one. */
function orDeclined(pass: Pass, declined: ReadonlySet<NodeId>): Pass {
  if (pass.kind === "passed" || pass.node === undefined || !declined.has(pass.node)) return pass;
  return { ...pass, reason: "declined" };
}
