import { expect } from "chai";
import type { MeasuredStep, OverloadResult } from "../../../../bench/overload/measure.ts";
import { failures, figuresOf } from "../../../../bench/overload/criteria.ts";
import { textReport } from "../../../../bench/overload/report.ts";

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

function missedBy(...rounds: OverloadResult[]): string {
  return failures(rounds.map(figuresOf)).join();
}

describe("overload report", () => {
  it("finds nothing to complain about where everything held, and says so", () => {
    expect(missedBy(FINE)).to.equal("");
    const text = textReport({ rounds: [FINE], machine: "1 × CPU" });
    expect(text).to.include("All criteria held.");
    expect(text).to.include("| 200 % | 2000 | 900 | 0.90 | 1.0 / 5.0 | 1100 |");
    expect(text).not.to.include("Medians");
  });

  it("names each criterion that did not hold", () => {
    expect(missedBy(withLast({ goodPerSecond: 790 }))).to.match(/goodput .* was 79.0 % of the peak/);
    expect(missedBy(withLast({ refusedMs: { p50: 1, p99: 501, max: 600 } }))).to.match(
      /refusals took 501 ms/,
    );
    expect(missedBy(withLast({ refused: 10_700, timedOut: 300 }))).to.match(/neither good nor refused/);
    expect(missedBy(withLast({ offeredPerSecond: 1_790 }))).to.match(/only 1.8 times the peak was asked for/);
    expect(missedBy(withLast({ sentLate: 201 }))).to.match(/void/);
    expect(missedBy({ ...FINE, recoveryMs: "never" })).to.match(/recovery took longer/);
    expect(missedBy({ ...FINE, recoveryMs: 10_250 })).to.match(/recovery took 10250/);
    expect(missedBy({ ...FINE, bystanders: { ...FINE.bystanders, probesFailed: 1 } })).to.match(/liveness/);
    expect(missedBy({ ...FINE, bystanders: { ...FINE.bystanders, peerDisconnects: 1 } })).to.match(/links/);
  });

  it("judges several rounds by their medians", () => {
    const poor = withLast({ goodPerSecond: 500 });
    expect(missedBy(FINE, poor, FINE)).to.equal("");
    expect(missedBy(poor, FINE, poor)).to.match(/was 50.0 % of the peak/);
    expect(textReport({ rounds: [poor, FINE, poor], machine: "1 × CPU" })).to.include(
      "Medians of the 3 rounds that count, of 3: goodput at twice the capacity 0.50 of the peak",
    );
  });

  it("leaves out rounds in which the generator was late, but not more than half of them", () => {
    const void_ = withLast({ sentLate: 201, goodPerSecond: 1 });
    expect(missedBy(FINE, void_, FINE)).to.equal("");
    expect(missedBy(FINE, void_, void_)).to.match(/2 of 3 rounds: their figures are void/);
  });

  it("counts a lost link in any round, also where the median is none", () => {
    const lost = { ...FINE, bystanders: { ...FINE.bystanders, peerDisconnects: 1 } };
    expect(missedBy(FINE, FINE, lost)).to.match(/1 links between nodes were lost/);
  });
});
