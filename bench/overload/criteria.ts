import { median } from "../median.ts";
import type { MeasuredStep, OverloadResult } from "./measure.ts";

/**
 * What an overloaded cluster has to hold, as docs/BENCHMARKS.md states it. The capacity of a shared machine changes by the
 * minute, so a round measures its own, compares only within itself, and the criteria are held against the medians of all
 * rounds. Nothing that must never happen is a median: one lost link or failed probe in any round is one too many.
 */
export const GOODPUT_SHARE_MIN = 0.8;
/** Else the capacity was measured too low, and the steps that shall show an overload show none. */
export const TWICE_MIN = 1.8;
/** Half of the default deadline: who is refused by then can still try another node. */
export const REFUSAL_P99_MS_MAX = 500;
export const UNEXPLAINED_SHARE_MAX = 0.01;
export const RECOVERY_MS_MAX = 10_000;
export const SENT_LATE_SHARE_MAX = 0.01;

/**
 * Of one round. Shares are between 0 and 1. From `offeredOverPeak` to `unexplainedShare` it is the worst step of 200 % and
 * more; where none was asked for, nothing was missed.
 */
export interface Figures {
  /** Of the requests of the worst step, sent late by the generator. */
  readonly sentLateShare: number;
  /** What was asked for over the highest goodput of any step. */
  readonly offeredOverPeak: number;
  readonly goodputShare: number;
  readonly refusedP50Ms: number;
  readonly refusedP99Ms: number;
  /** Neither good nor refused with Retry-After. */
  readonly unexplainedShare: number;
  /** Infinity: not within the round; 0 where no step for it was asked for. */
  readonly recoveryMs: number;
  readonly probesFailed: number;
  readonly peerDisconnects: number;
}

export function figuresOf(round: OverloadResult): Figures {
  const peak = peakOf(round);
  const twice = round.steps.filter((step) => step.percent >= 200);
  const worst = (figure: (step: MeasuredStep) => number): number => Math.max(0, ...twice.map(figure));
  return {
    sentLateShare: Math.max(0, ...round.steps.map(({ sentLate, due }) => sentLate / Math.max(1, due))),
    offeredOverPeak: Math.min(...twice.map(({ offeredPerSecond }) => offeredPerSecond / peak)),
    goodputShare: Math.min(1, ...twice.map(({ goodPerSecond }) => goodPerSecond / peak)),
    refusedP50Ms: worst(({ refusedMs }) => refusedMs?.p50 ?? 0),
    refusedP99Ms: worst(({ refusedMs }) => refusedMs?.p99 ?? 0),
    unexplainedShare: worst(({ due, good, refused }) => (due - good - refused) / Math.max(1, due)),
    recoveryMs: round.recoveryMs === "never" ? Infinity : (round.recoveryMs ?? 0),
    probesFailed: round.bystanders.probesFailed,
    peerDisconnects: round.bystanders.peerDisconnects,
  };
}

/** Whether the generator kept up: else the round says something of the generator, not of the cluster. */
export function isSound({ sentLateShare }: Figures): boolean {
  return sentLateShare <= SENT_LATE_SHARE_MAX;
}

/** Figure by figure, of the rounds that are sound. */
export function medianFigures(rounds: readonly Figures[]): Figures {
  const sound = rounds.filter(isSound);
  const of = (figure: keyof Figures): number => median(sound.map((round) => round[figure]));
  return {
    sentLateShare: of("sentLateShare"),
    offeredOverPeak: of("offeredOverPeak"),
    goodputShare: of("goodputShare"),
    refusedP50Ms: of("refusedP50Ms"),
    refusedP99Ms: of("refusedP99Ms"),
    unexplainedShare: of("unexplainedShare"),
    recoveryMs: of("recoveryMs"),
    probesFailed: of("probesFailed"),
    peerDisconnects: of("peerDisconnects"),
  };
}

/** What did not hold, one sentence each; empty where all did. */
export function failures(rounds: readonly Figures[]): string[] {
  const sound = rounds.filter(isSound);
  if (sound.length * 2 < rounds.length || sound.length === 0) {
    return [
      `the generator sent too late in ${rounds.length - sound.length} of ${rounds.length} rounds: their figures are void`,
    ];
  }
  const figures = medianFigures(rounds);
  const missed: string[] = [];
  if (figures.offeredOverPeak < TWICE_MIN)
    missed.push(`only ${figures.offeredOverPeak.toFixed(1)} times the peak was asked for`);
  if (figures.goodputShare < GOODPUT_SHARE_MIN)
    missed.push(`goodput at twice the capacity was ${shareText(figures.goodputShare)} of the peak`);
  if (figures.refusedP99Ms > REFUSAL_P99_MS_MAX)
    missed.push(`refusals took ${figures.refusedP99Ms.toFixed(0)} ms at the 99th percentile`);
  if (figures.unexplainedShare > UNEXPLAINED_SHARE_MAX)
    missed.push(`${shareText(figures.unexplainedShare)} were neither good nor refused with Retry-After`);
  if (figures.recoveryMs > RECOVERY_MS_MAX) missed.push(`recovery took ${recoveryText(figures.recoveryMs)}`);
  const [probesFailed, peerDisconnects] = [sum(rounds, "probesFailed"), sum(rounds, "peerDisconnects")];
  if (probesFailed > 0) missed.push(`${probesFailed} liveness probes failed`);
  if (peerDisconnects > 0) missed.push(`${peerDisconnects} links between nodes were lost`);
  return missed;
}

export function peakOf({ steps }: OverloadResult): number {
  return Math.max(...steps.map(({ goodPerSecond }) => goodPerSecond));
}

function recoveryText(recoveryMs: number): string {
  return recoveryMs === Infinity ? "longer than the round" : `${recoveryMs} ms`;
}

function sum(rounds: readonly Figures[], figure: keyof Figures): number {
  return rounds.reduce((total, round) => total + round[figure], 0);
}

function shareText(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
