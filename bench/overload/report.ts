import { type Figures, failures, figuresOf, isSound, medianFigures, peakOf } from "./criteria.ts";
import type { MeasuredStep, OverloadResult } from "./measure.ts";
import type { Quantiles } from "./step-counts.ts";

/** A table for people, of one round after the other, and the criteria held against the medians of all. */
type Report = { readonly machine: string; readonly rounds: readonly OverloadResult[] };

export function textReport({ machine, rounds }: Report): string {
  const [{ workload, deadlineMs }] = rounds as [OverloadResult, ...OverloadResult[]];
  const lines = [
    `Open loop, ${workload}, deadline ${deadlineMs} ms, on ${machine}, load generator on a core of its own.`,
    ...rounds.flatMap((round, index) => roundLines(round, index + 1)),
    "",
  ];
  const figures = rounds.map(figuresOf);
  if (rounds.length > 1) lines.push(mediansText(figures));
  const missed = failures(figures);
  lines.push(missed.length === 0 ? "All criteria held." : `Did not hold: ${missed.join("; ")}.`);
  return `${lines.join("\n")}\n`;
}

function roundLines(result: OverloadResult, number: number): string[] {
  const { capacityPerSecond, bystanders } = result;
  const peak = peakOf(result);
  return [
    "",
    `Round ${number}. Capacity by closed loop: ${Math.round(capacityPerSecond)} requests/s.`,
    "",
    "| load | offered/s | good/s | of peak | good p50 / p99 ms | refused/s | refused p50 / p99 ms | timed out | other | sent late | send lag p99 ms | cores: nodes + generator |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...result.steps.map((step) => row(step, peak)),
    "",
    `Recovery after the load fell: ${recoveryText(result.recoveryMs)}. Connections at most: ${result.connectionsMax}.`,
    `Liveness probes: ${bystanders.probes}, failed ${bystanders.probesFailed}, slowest ${bystanders.slowestProbeMs.toFixed(0)} ms. ` +
      `Links between nodes lost: ${bystanders.peerDisconnects}.`,
  ];
}

function mediansText(figures: readonly Figures[]): string {
  const { goodputShare, refusedP50Ms, refusedP99Ms, recoveryMs } = medianFigures(figures);
  const counted = figures.filter(isSound).length;
  return (
    `Medians of the ${counted} rounds that count, of ${figures.length}: goodput at twice the capacity ${goodputShare.toFixed(2)} ` +
    `of the peak, refused in ${refusedP50Ms.toFixed(0)} / ${refusedP99Ms.toFixed(0)} ms (p50 / p99), ` +
    `recovered in ${(recoveryMs / 1_000).toFixed(2)} s.\n`
  );
}

function row(step: MeasuredStep, peak: number): string {
  const other = Object.values(step.otherAnswers).reduce((sum, count) => sum + count, step.connectionFailed);
  const cells = [
    `${step.percent} %`,
    Math.round(step.offeredPerSecond),
    Math.round(step.goodPerSecond),
    (step.goodPerSecond / peak).toFixed(2),
    quantiles(step.goodMs),
    Math.round(step.refused / step.seconds),
    quantiles(step.refusedMs),
    step.timedOut,
    other,
    percent(step.sentLate / Math.max(1, step.due)),
    step.sendLagMs?.p99.toFixed(1) ?? "",
    `${step.nodeCores.toFixed(2)} + ${step.generatorCores.toFixed(2)}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

function quantiles(of: Quantiles | null): string {
  return of === null ? "" : `${of.p50.toFixed(1)} / ${of.p99.toFixed(1)}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function recoveryText(recoveryMs: OverloadResult["recoveryMs"]): string {
  if (recoveryMs === undefined) return "not asked for";
  return recoveryMs === "never" ? "not within the run" : `${(recoveryMs / 1_000).toFixed(2)} s`;
}
