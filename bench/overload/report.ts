import type { MeasuredStep, OverloadResult } from "./measure.ts";
import type { Quantiles } from "./step-counts.ts";

/** The criteria that docs/BENCHMARKS.md states, and a table for people. */
export const GOODPUT_SHARE_MIN = 0.8;
/** Else the capacity was measured too low, and the steps that shall show an overload show none. */
export const TWICE_MIN = 1.8;
export const REFUSAL_P99_MS_MAX = 100;
export const RECOVERY_MS_MAX = 10_000;
export const SENT_LATE_SHARE_MAX = 0.01;

type Report = OverloadResult & { readonly machine: string };

/** What did not hold, one sentence each; empty where all did. */
export function failures(result: OverloadResult): string[] {
  const missed: string[] = [];
  const peak = peakOf(result);
  for (const step of result.steps) {
    const name = `at ${step.percent} %`;
    if (step.sentLate > step.due * SENT_LATE_SHARE_MAX)
      missed.push(
        `${name} the generator sent ${percent(step.sentLate / step.due)} late: its figures are void`,
      );
    if (step.percent < 200) continue;
    if (step.offeredPerSecond < peak * TWICE_MIN)
      missed.push(`${name} only ${(step.offeredPerSecond / peak).toFixed(1)} times the peak was asked for`);
    if (step.goodPerSecond < peak * GOODPUT_SHARE_MIN)
      missed.push(`${name} goodput was ${percent(step.goodPerSecond / peak)} of the peak`);
    if ((step.refusedMs?.p99 ?? 0) > REFUSAL_P99_MS_MAX)
      missed.push(`${name} refusals took ${step.refusedMs?.p99.toFixed(0)} ms at the 99th percentile`);
    const unexplained = step.due - step.good - step.refused;
    if (unexplained > step.due * 0.01)
      missed.push(
        `${name} ${percent(unexplained / step.due)} were neither good nor refused with Retry-After`,
      );
  }
  if (result.recoveryMs !== undefined && !(Number(result.recoveryMs) <= RECOVERY_MS_MAX))
    missed.push(`recovery took ${result.recoveryMs} ms`);
  if (result.bystanders.probesFailed > 0)
    missed.push(`${result.bystanders.probesFailed} of ${result.bystanders.probes} liveness probes failed`);
  if (result.bystanders.peerDisconnects > 0)
    missed.push(`${result.bystanders.peerDisconnects} links between nodes were lost`);
  return missed;
}

export function textReport(result: Report): string {
  const { workload, deadlineMs, machine, capacityPerSecond, bystanders } = result;
  const peak = peakOf(result);
  const lines = [
    `Open loop, ${workload}, deadline ${deadlineMs} ms, on ${machine}, load generator on the same cores.`,
    `Capacity by closed loop: ${Math.round(capacityPerSecond)} requests/s.`,
    "",
    "| load | offered/s | good/s | of peak | good p50 / p99 ms | refused/s | refused p50 / p99 ms | timed out | other | sent late | send lag p99 ms | cores: nodes + generator |",
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...result.steps.map((step) => row(step, peak)),
    "",
    `Recovery after the load fell: ${recoveryText(result.recoveryMs)}. Connections at most: ${result.connectionsMax}.`,
    `Liveness probes: ${bystanders.probes}, failed ${bystanders.probesFailed}, slowest ${bystanders.slowestProbeMs.toFixed(0)} ms. ` +
      `Links between nodes lost: ${bystanders.peerDisconnects}.`,
  ];
  const missed = failures(result);
  lines.push(missed.length === 0 ? "All criteria held." : `Did not hold: ${missed.join("; ")}.`);
  return `${lines.join("\n")}\n`;
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

function peakOf({ steps }: OverloadResult): number {
  return Math.max(...steps.map(({ goodPerSecond }) => goodPerSecond));
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
