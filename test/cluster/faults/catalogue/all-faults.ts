import type { Fault } from "../fault.ts";
import { disks } from "./disks.ts";
import { netsplits } from "./netsplits.ts";
import { processes } from "./processes.ts";

/** Every cell of the fault tests: a fault with a write quorum, without or with ring changes; all workloads run in each. */
export interface Cell {
  readonly fault: Fault;
  readonly w: number;
  /** Nodes join, leave and are replaced while the fault is on (ring-change-load.ts). */
  readonly changes: boolean;
}

export const allFaults: readonly Fault[] = [...processes, ...netsplits, ...disks];

export const allCells: readonly Cell[] = allFaults.flatMap((fault) =>
  [false, true].flatMap((changes) => fault.writeQuorums.map((w) => ({ fault, w, changes }))),
);

export function cellName({ fault, w, changes }: Cell): string {
  return `${fault.name}, W=${w}${changes ? ", ring changes" : ""}`;
}
