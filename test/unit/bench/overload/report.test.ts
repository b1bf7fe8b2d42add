import { expect } from "chai";
import type { MeasuredStep, OverloadResult } from "../../../../bench/overload/measure.ts";
import { failures, textReport } from "../../../../bench/overload/report.ts";

const FINE: OverloadResult = {
  workload: "put",
  deadlineMs: 1_000,
  capacityPerSecond: 1_000,
  steps: [step(100, {}), step(200, { due: 20_000, refused: 11_000, good: 9_000, goodPerSecond: 900 })],
  recoveryMs: 250,
  connectionsMax: 10,
  bystanders: { probes: 100, probesFailed: 0, slowestProbeMs: 5, peerDisconnects: 0 },
};

function step(percent: number, given: Partial<MeasuredStep>): MeasuredStep {
  const quick = { p50: 1, p99: 5, max: 9 };
  return {
    percent,
    offeredPerSecond: 10 * percent,
    seconds: 10,
    due: 10_000,
    good: 10_000,
    goodPerSecond: 1_000,
    refused: 0,
    otherAnswers: {},
    timedOut: 0,
    connectionFailed: 0,
    goodMs: quick,
    refusedMs: quick,
    sendLagMs: quick,
    sentLate: 0,
    nodeCores: 1,
    generatorCores: 0.2,
    ...given,
  };
}

function withLast(given: Partial<MeasuredStep>): OverloadResult {
  return { ...FINE, steps: [FINE.steps[0]!, { ...FINE.steps[1]!, ...given }] };
}

describe("overload report", () => {
  it("finds nothing to complain about where everything held, and says so", () => {
    expect(failures(FINE)).to.deep.equal([]);
    const text = textReport({ ...FINE, machine: "1 × CPU" });
    expect(text).to.include("All criteria held.");
    expect(text).to.include("| 200 % | 2000 | 900 | 0.90 | 1.0 / 5.0 | 1100 |");
  });

  it("names each criterion that did not hold", () => {
    const missed = (result: OverloadResult): string => failures(result).join();
    expect(missed(withLast({ goodPerSecond: 790 }))).to.match(/goodput was 79.0 % of the peak/);
    expect(missed(withLast({ refusedMs: { p50: 1, p99: 101, max: 200 } }))).to.match(/refusals took 101 ms/);
    expect(missed(withLast({ refused: 10_700, timedOut: 300 }))).to.match(/neither good nor refused/);
    expect(missed(withLast({ offeredPerSecond: 1_790 }))).to.match(/only 1.8 times the peak was asked for/);
    expect(missed(withLast({ sentLate: 201 }))).to.match(/void/);
    expect(missed({ ...FINE, recoveryMs: "never" })).to.match(/recovery took never/);
    expect(missed({ ...FINE, recoveryMs: 10_250 })).to.match(/recovery took 10250/);
    expect(missed({ ...FINE, bystanders: { ...FINE.bystanders, probesFailed: 1 } })).to.match(/liveness/);
    expect(missed({ ...FINE, bystanders: { ...FINE.bystanders, peerDisconnects: 1 } })).to.match(/links/);
  });
});
