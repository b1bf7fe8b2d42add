import type { NodeId } from "../../../../../node/core/node-id.ts";
import { firstPass, type SealAnswer, secondPass } from "../../../../../node/core/seal/seal-round.ts";
import { defaultSettings } from "../../../../../node/core/settings.ts";
import {
  afterSeal,
  isCovered,
  type SealedRecord,
  sealedRecord,
} from "../../../../../node/core/seal/sealed-record.ts";
import { emptyCoverage } from "../../../../../node/core/version/coverage.ts";
import type { ActorId } from "../../../../../node/core/version/dot.ts";
import { emptyRecord, type KeyRecord, merge, put } from "../../../../../node/core/version/record.ts";
import { raised } from "../ring/change/elastic-rings.ts";
import { membersOf, nodeId, ringOf } from "../ring/made-ring.ts";
import { mulberry } from "../ring/seeded.ts";

const SEAL_PAUSE_MS = defaultSettings.sealPauseMs;

/**
 * One key on owners and stand-ins, twice: with seal rounds and without. Both see the same writes and the same messages, which
 * are late by less than the pause or lost. In the end both must show the same values: a seal forgets, and changes nothing.
 */
export interface SealRules {
  readonly isCovered: typeof isCovered;
  readonly afterSeal: typeof afterSeal;
  /** False: what the first pass found is sealed. */
  readonly twoPasses: boolean;
  /** False: the owners alone are asked, and stand-ins are taken to hold nothing. */
  readonly asksAll: boolean;
}

export const SEAL_RULES: SealRules = { isCovered, afterSeal, twoPasses: true, asksAll: true };

const OWNERS = 3;
const NODES = 5;
const TICKS = 900;
const CYCLE_TICKS = 180;
const BURST_TICKS = 20;
const key = { bucket: new Uint8Array([1]), key: new Uint8Array([2]) };
const ring = raised(ringOf({ members: membersOf(NODES), partitions: 8 }));

type Copy = { sealing: KeyRecord | undefined; plain: KeyRecord | undefined };

interface Letter {
  readonly from: number;
  readonly to: number;
  readonly copy: Copy;
  readonly sentAt: number;
  /** A hint's: the sender forgets its copy when it has arrived, unless that changed. */
  readonly isHandover: boolean;
}

interface Round {
  readonly sealed: SealedRecord;
  readonly answers: Map<NodeId, SealAnswer>;
  readonly begunAt: number;
  readonly pass: 1 | 2;
  readonly passedAt: number;
}

export interface SealReport {
  readonly difference: string | undefined;
  readonly dropped: number;
  readonly pruned: number;
}

export function runSeals(seed: number, rules: SealRules = SEAL_RULES): SealReport {
  return new SealRun(seed, rules).run();
}

class SealRun {
  readonly #random: () => number;
  readonly #rules: SealRules;
  readonly #copies: Copy[] = Array.from({ length: NODES }, () => ({ sealing: undefined, plain: undefined }));
  #letters: Letter[] = [];
  readonly #orders: { to: number; sealed: SealedRecord }[] = [];
  /** A message arrives within so many ticks or never; the pause is longer. Differs from run to run, as all of these. */
  readonly #lifeTicks: number;
  readonly #sends: number;
  readonly #delivers: number;
  readonly #awayIn = new Set<number>();
  #round: Round | undefined;
  #tick = 0;
  #writes = 0;
  #dropped = 0;
  #pruned = 0;

  constructor(seed: number, rules: SealRules) {
    this.#random = mulberry(seed);
    this.#rules = rules;
    this.#lifeTicks = 5 + this.#below(26);
    this.#sends = 0.05 + this.#random() * 0.2;
    this.#delivers = this.#sends + 0.05 + this.#random() * 0.4;
    const awayPart = this.#random() < 0.5 ? 0.35 : 0;
    for (let slot = 0; slot < (TICKS / CYCLE_TICKS) * NODES; slot++)
      if (this.#random() < awayPart) this.#awayIn.add(slot);
  }

  run(): SealReport {
    for (this.#tick = 0; this.#tick < TICKS; this.#tick++) this.#step();
    const shown = (of: "sealing" | "plain"): string => {
      const records = this.#copies.map((copy) => copy[of]).filter((record) => record !== undefined);
      const merged = records.reduce(merge, emptyRecord(key));
      return merged.siblings
        .filter(({ tombstone }) => !tombstone)
        .map(({ dot }) => dot.actor)
        .join(" ");
    };
    const [sealing, plain] = [shown("sealing"), shown("plain")];
    const difference = sealing === plain ? undefined : `with seals "${sealing}", without "${plain}"`;
    return { difference, dropped: this.#dropped, pruned: this.#pruned };
  }

  #step(): void {
    this.#letters = this.#letters.filter(({ sentAt }) => this.#tick - sentAt < this.#lifeTicks);
    const dice = this.#random();
    // Bursts of writes with quiet between them, or no round would ever pass.
    const isBusy = this.#tick % CYCLE_TICKS < BURST_TICKS;
    if (isBusy && this.#random() < 0.3) this.#write();
    else if (dice < this.#sends) this.#send();
    else if (dice < this.#delivers) this.#deliver();
    else if (dice < 0.85 && this.#orders.length > 0) this.#seal();
    else this.#askSome();
  }

  /** A stand-in, for whole cycles: it holds what it has and hears and says nothing. */
  #isAway(n: number): boolean {
    return n >= OWNERS && this.#awayIn.has(Math.floor(this.#tick / CYCLE_TICKS) * NODES + n);
  }

  #write(): void {
    const at = this.#below(NODES);
    if (this.#isAway(at)) return;
    const copy = this.#copies[at]!;
    const reader = this.#random() < 0.7 ? copy : this.#copies[this.#below(NODES)]!;
    const isBlind = this.#random() < 0.1;
    const tombstone = this.#random() < 0.6;
    const actor = `${(++this.#writes).toString(16).padStart(16, "0")}#1` as ActorId;
    for (const of of ["sealing", "plain"] as const) {
      const seen = isBlind ? emptyCoverage : (reader[of]?.coverage ?? emptyCoverage);
      const before = copy[of] ?? emptyRecord(key);
      const value = { tombstone, value: new Uint8Array(), contentType: "", modifiedMs: 0, requestId: actor };
      copy[of] = put(before, { seen, dot: { actor, n: 1 }, value });
    }
  }

  /** Owners exchange, and what stand-ins hold they hand over to an owner. Of owners, stand-ins get copies too. */
  #send(): void {
    const from = this.#below(NODES);
    const isHandover = from >= OWNERS;
    const to = isHandover || this.#random() < 0.8 ? this.#below(OWNERS) : this.#below(NODES);
    const copy = this.#copies[from]!;
    if (from === to || this.#isAway(from) || (copy.plain === undefined && copy.sealing === undefined)) return;
    this.#letters.push({ from, to, copy: { ...copy }, sentAt: this.#tick, isHandover });
  }

  #deliver(): void {
    if (this.#letters.length === 0) return;
    const [letter] = this.#letters.splice(this.#below(this.#letters.length), 1) as [Letter];
    if (this.#random() < 0.1 || this.#isAway(letter.to)) return;
    const target = this.#copies[letter.to]!;
    const source = this.#copies[letter.from]!;
    // Together in both worlds, or a later context would be another one for no reason of the seals'.
    const isUnchanged = source.sealing === letter.copy.sealing && source.plain === letter.copy.plain;
    for (const of of ["sealing", "plain"] as const) {
      const arrived = letter.copy[of];
      if (arrived !== undefined) target[of] = target[of] === undefined ? arrived : merge(target[of], arrived);
      if (letter.isHandover && isUnchanged) source[of] = undefined;
    }
  }

  #askSome(): void {
    if (this.#round !== undefined && this.#tick - this.#round.begunAt > CYCLE_TICKS) this.#round = undefined;
    const round = (this.#round ??= this.#begun());
    if (round === undefined) return;
    if (round.pass === 2 && this.#tick - round.passedAt <= this.#lifeTicks) return;
    const asked = this.#rules.asksAll ? NODES : OWNERS;
    const waiting = Array.from({ length: NODES }, (_, n) => n).filter((n) => !round.answers.has(nodeId(n)));
    const n = waiting[this.#below(waiting.length)]!;
    if (n < asked && this.#isAway(n)) return;
    const covered = n >= asked || this.#rules.isCovered(this.#copies[n]!.sealing, round.sealed);
    round.answers.set(nodeId(n), {
      ring: "d",
      isRecovering: false,
      steadyMs: Infinity,
      pauseMs: SEAL_PAUSE_MS,
      covered: [covered],
    });
    if (round.answers.size === NODES) this.#judge(round);
  }

  #begun(): Round | undefined {
    const record = this.#copies[this.#below(OWNERS)]!.sealing;
    const sealed = record && sealedRecord(record);
    return sealed && { sealed, answers: new Map(), begunAt: this.#tick, pass: 1, passedAt: 0 };
  }

  #judge(round: Round): void {
    const question = { ring, digest: "d", records: 1 };
    const pausedMs = (this.#tick - round.passedAt) * (SEAL_PAUSE_MS / (this.#lifeTicks + 1));
    const pass =
      round.pass === 1
        ? firstPass(question, round.answers)
        : secondPass(question, round.answers, { firstDigest: "d", pausedMs, sinceFirstMs: pausedMs });
    const isCoveredByAll = pass.kind === "passed" && pass.covered.length === 1;
    if (isCoveredByAll && round.pass === 1 && this.#rules.twoPasses) {
      this.#round = { ...round, answers: new Map(), pass: 2, passedAt: this.#tick };
      return;
    }
    if (isCoveredByAll) for (let to = 0; to < NODES; to++) this.#orders.push({ to, sealed: round.sealed });
    this.#round = undefined;
  }

  #seal(): void {
    const [{ to, sealed }] = this.#orders.splice(this.#below(this.#orders.length), 1) as [
      { to: number; sealed: SealedRecord },
    ];
    const copy = this.#copies[to]!;
    if (copy.sealing === undefined || this.#isAway(to)) return;
    const after = this.#rules.afterSeal(copy.sealing, sealed);
    if (after === "keep") return;
    if (after === "drop") this.#dropped++;
    else this.#pruned++;
    copy.sealing = after === "drop" ? undefined : after;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}
