import { median } from "./median.ts";
import type { LoadResult } from "./load.ts";

/** One phase at one contender, in one round. */
export interface Measurement {
  readonly contender: string;
  readonly phase: string;
  readonly load: LoadResult;
  /** CPU of all three processes during the phase, in cores. */
  readonly cpuCores: number;
  /** Resident memory of the largest process after the phase, MiB. */
  readonly residentMibMax: number;
}

export interface DiskUse {
  readonly contender: string;
  /** Bytes on disk of one copy of one 1 KiB row, write-ahead log included. */
  readonly bytesPerRow: number;
}

/** Medians over the rounds, one row a phase and contender, with the ratio to the ceiling where it ran the phase. */
export function markdownReport(
  measurements: readonly Measurement[],
  disk: readonly DiskUse[],
  machine: string,
): string {
  const lines = [
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine}. Medians of the rounds; quantiles are the worst of the three load generators.`,
    "",
    "| phase | who | requests/s | of the ceiling | p50 ms | p99 ms | p99.9 ms | bad answers | CPU cores | RSS MiB of a node |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
  ];
  for (const phase of new Set(measurements.map((measurement) => measurement.phase))) {
    const ofPhase = measurements.filter((measurement) => measurement.phase === phase);
    const ceiling = ofPhase.filter(({ contender }) => contender === "ceiling");
    for (const name of new Set(ofPhase.map(({ contender }) => contender))) {
      lines.push(
        row(
          phase,
          name,
          ofPhase.filter(({ contender }) => contender === name),
          ceiling,
        ),
      );
    }
  }
  lines.push("");
  for (const { contender, bytesPerRow } of disk) {
    lines.push(`Bytes on disk a copy of a 1 KiB row, ${contender}: ${Math.round(bytesPerRow)}.`);
  }
  return `${lines.join("\n")}\n`;
}

function row(
  phase: string,
  name: string,
  own: readonly Measurement[],
  ceiling: readonly Measurement[],
): string {
  const rate = (of: readonly Measurement[]): number => median(of.map(({ load }) => load.requestsPerSecond));
  const ratio = name === "ceiling" || ceiling.length === 0 ? "" : (rate(own) / rate(ceiling)).toFixed(2);
  const ms = (of: (load: LoadResult) => number): string => median(own.map(({ load }) => of(load))).toFixed(1);
  const cells = [
    phase,
    name,
    Math.round(rate(own)),
    ratio,
    ms((load) => load.p50Ms),
    ms((load) => load.p99Ms),
    ms((load) => load.p999Ms),
    own.reduce((sum, { load }) => sum + load.bad, 0),
    median(own.map(({ cpuCores }) => cpuCores)).toFixed(2),
    Math.round(median(own.map(({ residentMibMax }) => residentMibMax))),
  ];
  return `| ${cells.join(" | ")} |`;
}
