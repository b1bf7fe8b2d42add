import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect } from "chai";
import type { ExplorationSummary } from "../../simulator/exploration-summary.ts";
import { quantileMs } from "./operation-log.ts";
import { updatedPage } from "./reliability-page.ts";
import { ResultsFile } from "./results-file.ts";
import type { RunResult, WorkloadResult } from "./run-result.ts";
import { failureRateBound, summarize } from "./run-summary.ts";

const PARTS = [
  "faults",
  "totals",
  "safety",
  "availability",
  "ring changes",
  "workloads",
  "exploration",
  "planted bugs",
];
const NOTHING = { results: [], plantedBugs: [], exploration: undefined };
const EMPTY_PAGE = PARTS.map((part) => `## ${part}\n<!-- generated: ${part} -->\nold\n<!-- end -->\n`).join(
  "",
);

function workload(fields: Partial<WorkloadResult> = {}): WorkloadResult {
  return {
    operations: 100,
    ok: 90,
    failed: 8,
    unknown: 2,
    reads: 50,
    staleReads: 1,
    siblingsMax: 3,
    lost: 0,
    resurrected: 0,
    corrupt: 0,
    twins: 0,
    wrong: 0,
    ...fields,
  };
}

function run(fields: Partial<RunResult> = {}): RunResult {
  return {
    at: "2026-01-02T03:04:05.000Z",
    nodeVersion: "v20.20.2",
    fault: "kill one",
    w: 2,
    faultMs: 4_000,
    workloads: { set: workload(), counter: workload() },
    sides: { "other nodes": { operations: 100, ok: 99, durations: { "5": 98, "900": 2 } } },
    convergeMs: 1_000,
    failures: [],
    ...fields,
  };
}

describe("cluster: the reliability page", () => {
  it("sums runs, and tells what so many can prove", () => {
    const lost = run({ workloads: { set: workload({ lost: 1 }) }, failures: ["lost"], convergeMs: null });
    const summary = summarize([run(), run({ convergeMs: 3_000 }), lost]);
    expect(summary).to.deep.include({ runs: 3, failedRuns: 1, siblingsMax: 3 });
    expect(summary.counts).to.deep.include({ operations: 500, ok: 450, lost: 1, staleReads: 5 });
    expect(summary.convergeMs).to.deep.equal({ median: 1_000, max: 3_000 });
    expect(summary.sides).to.deep.equal([
      { side: "other nodes", calls: 300, available: 0.99, medianMs: 5, p99Ms: 900 },
    ]);
    expect(summarize([lost], "counter").counts.operations).to.equal(0);
    expect([0, 2, 300].map(failureRateBound)).to.deep.equal([1, 1, 0.01]);
  });

  it("takes quantiles over all calls", () => {
    const durations = { "10": 1, "2": 98, "400": 1 };
    expect([0.5, 0.98, 0.99, 1].map((share) => quantileMs(durations, share))).to.deep.equal([2, 2, 10, 400]);
    expect(quantileMs({}, 0.5)).to.equal(undefined);
  });

  it("replaces the generated parts and nothing else", () => {
    const data = { ...NOTHING, results: [run()] };
    const page = updatedPage(`# Title\n${EMPTY_PAGE}tail\n`, data);
    expect(page)
      .to.match(/^# Title\n/)
      .and.match(/tail\n$/);
    expect(page).not.to.match(/^old$/m);
    expect(page).to.match(
      /\| kill one, W=2 \| 1 \| 200 \| 180 \| 16 \| 4 \| 0 \| 0 \| 0 \| 0 \| 0 \| 0 \| 2 % \| 3 \| 100 % \|/,
    );
    expect(page).to.match(
      /\| kill one \| other nodes \| 100 \| 99 % \| 5 ms \| 900 ms \| 1\.0 s \| 1\.0 s \|/,
    );
    expect(page).to.match(/1 runs on 2026-01-02 .*\*\*0 lost, 0 resurrected, 0 corrupt\*\*/);
    expect(updatedPage(page, data)).to.equal(page);
  });

  it("tells how long the runs took as a whole, and of which commits they are", () => {
    const totals = (...results: RunResult[]): string =>
      /runs on .*/.exec(updatedPage(EMPTY_PAGE, { ...NOTHING, results }))![0];
    const timed = run({ commit: "abc1234", wallMs: 90 * 60_000, faultMs: 5 * 60_000 });
    expect(totals(timed)).to.match(
      /v20\.20\.2, commit `abc1234`\), 90 minutes in all, of it 5 minutes under faults, 200/,
    );
    const other = { ...timed, commit: "abc1234 + changes" };
    expect(totals(timed, other)).to.match(
      /commits `abc1234`, `abc1234 \+ changes`\), 3\.0 hours in all, of it 10 minutes under faults/,
    );
    const old = run({ faultMs: 60_000 });
    expect(totals(old)).to.match(/, commit not noted\), not timed as a whole, of it 1 minutes under faults/);
    expect(totals(timed, old, old)).to.match(
      /commit `abc1234`; of 2 runs not noted\), 90 minutes in all without 2 runs that were not timed, of it 7 minutes/,
    );
  });

  it("shows planted bugs that got away, and how many seeds they had", () => {
    const bug = { name: "ack_before_sync", breaks: "durability", commit: "abc1234" };
    const plantedBugs = [
      { ...bug, seed: null, caughtBy: "", seedsTried: 400 },
      { ...bug, seed: 3, caughtBy: "dot_reused", seedsTried: 3 },
    ];
    const page = updatedPage(EMPTY_PAGE, { ...NOTHING, plantedBugs });
    expect(page).to.match(/1 of 2 caught\./);
    expect(page).to.match(
      /\| `ack_before_sync` \| durability \| \*\*not caught\*\* in 400 seeds \|  \| abc1234 \|/,
    );
    expect(page).to.match(/\| `ack_before_sync` \| durability \| 3 \| `dot_reused` \| abc1234 \|/);
  });

  it("tells what the simulator's last exploration saw, and what it did not", () => {
    const exploration: ExplorationSummary = {
      at: "2026-01-02T03:04:05.000Z",
      commit: "abc1234",
      firstSeed: 1,
      lastSeed: 1_000,
      seeds: 1_000,
      operations: 9_000,
      acknowledgedWrites: 5_000,
      events: 80_000,
      violated: [],
      marksNeverHit: [],
    };
    const shown = (fields: Partial<ExplorationSummary>): string =>
      updatedPage(EMPTY_PAGE, { ...NOTHING, exploration: { ...exploration, ...fields } });
    expect(shown({})).to.include(
      "1000 seeds (1 to 1000) on 2026-01-02, commit `abc1234`: **0 violated**, 9000 operations " +
        "(5000 acknowledged writes), 80000 events; every coverage mark was hit.",
    );
    expect(shown({ violated: [7] })).to.match(/\*\*1 violated\*\*.*; \*\*1 of 1000 seeds violated\*\*\./);
    expect(shown({ marksNeverHit: ["netsplit"] })).to.match(/; \*\*never in 1 of .*: netsplit\*\*\./);
    expect(shown({ marksNeverHit: ["scrub read failed"] })).to.match(
      /hit but rare ones: scrub read failed\./,
    );
    expect(updatedPage(EMPTY_PAGE, NOTHING)).to.match(/No exploration kept yet/);
  });

  it("leaves what it shows of the fault tests where there is no result", () => {
    const page = updatedPage(EMPTY_PAGE, { ...NOTHING, results: [run()] });
    expect(updatedPage(page, NOTHING)).to.equal(page);
  });

  it("keeps a name with a bar in one cell of its table", () => {
    const split = run({ fault: "netsplit 2|3, drop" });
    const page = updatedPage(EMPTY_PAGE, { ...NOTHING, results: [split] });
    expect(page).to.match(/\| netsplit 2\\\|3, drop, W=2 \| 1 \| 200 \|/);
  });

  it("shows runs with ring changes as cells of their own, and what became of the changes", () => {
    const changes = {
      asked: 5,
      begun: 4,
      flipped: 2,
      ended: 2,
      cancelled: 1,
      refused: { overtaken: 2, "no answer": 1 },
    };
    const changing = run({
      changes,
      wallMs: 120_000,
      workloads: { set: workload({ outside: 7 }) },
      sides: { "other nodes": { operations: 100, ok: 50, durations: { "5": 100 } } },
    });
    const page = updatedPage(EMPTY_PAGE, { ...NOTHING, results: [run(), changing, changing] });
    expect(page).to.match(/\| kill one, W=2 \| 1 \| 200 \|/);
    expect(page).to.match(/\| kill one, W=2, ring changes \| 2 \| 200 \|/);
    expect(page).to.match(/\| kill one \| other nodes \| 100 \| 99 % \|/);
    expect(page).to.match(/\| kill one, ring changes \| other nodes \| 200 \| 50 % \|/);
    expect(page).to.match(/2 runs, 4 minutes in all\./);
    expect(page).to.match(/\| kill one \| 2 \| 10 \| 8 \| 4 \| 4 \| 2 \| 6 \| 14 \|/);
    expect(page).to.match(/\| all \| 2 \| 10 \| 8 \| 4 \| 4 \| 2 \| 6 \| 14 \|/);
  });

  it("hides no failure behind a bound", () => {
    const failed = run({
      workloads: { set: workload({ resurrected: 2 }) },
      failures: ["resurrected", "resurrected"],
    });
    const page = updatedPage(EMPTY_PAGE, { ...NOTHING, results: [failed] });
    expect(page).to.match(
      /\| kill one, W=2 \| 1 \| 100 \| 90 \| 8 \| 2 \| 0 \| 2 \| 0 \| 0 \| 1 \| 0 \| 2 % \| 3 \| {2}\|/,
    );
    expect(page).to.match(/2 resurrected.* 1 runs failed for any reason/);
  });

  it("refuses a page that lacks a part", () => {
    expect(() => updatedPage("# Title\n", NOTHING)).to.throw(/no part/);
  });

  it("results of several invocations add up, until they are put aside", () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), "dynamokv-results-"));
    try {
      const name = path.join(directory, "deep", "results.jsonl");
      expect(new ResultsFile(name).read()).to.deep.equal([]);
      new ResultsFile(name).append(run());
      new ResultsFile(name).append(run({ w: 3 }));
      expect(new ResultsFile(name).read().map(({ w }) => w)).to.deep.equal([2, 3]);
      expect(new ResultsFile(name).setAside()).to.match(/results\.jsonl\.until-/);
      expect(new ResultsFile(name).read()).to.deep.equal([]);
      expect(new ResultsFile(name).setAside()).to.equal(undefined);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
