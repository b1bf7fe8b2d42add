import { expect } from "chai";
import { againstReport, type Measured, type RoundOfTwo } from "../../../bench/against.ts";

const measured = (requestsPerSecond: number, cpuUsPerRequest: number): Measured => ({
  requestsPerSecond,
  cpuUsPerRequest,
  p99Ms: 10,
  bad: 1,
});

describe("comparison of two builds", () => {
  it("takes the median of the ratios within rounds, not the ratio of medians", () => {
    const rounds: RoundOfTwo[] = [
      { phase: "put", before: measured(1_000, 100), after: measured(900, 110) },
      { phase: "put", before: measured(100, 100), after: measured(95, 105) },
      { phase: "put", before: measured(4_000, 100), after: measured(4_400, 90) },
      { phase: "get", before: measured(10, 100), after: measured(5, 100) },
      { phase: "get", before: measured(10, 100), after: measured(10, 100) },
    ];
    const text = againstReport(rounds, "1 × CPU");
    expect(text).to.include(
      "| put | 3 | 1000 | 900 | 0.950 (0.90 to 1.10) | 1.050 (0.90 to 1.10) | 1.000 (1.00 to 1.00) | 6 |",
    );
    expect(text).to.include("| get | 2 | 10 | 8 | 0.750 (0.50 to 1.00) |");
  });
});
