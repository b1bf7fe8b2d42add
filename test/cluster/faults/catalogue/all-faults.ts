import type { Fault } from "../fault.ts";
import { disks } from "./disks.ts";
import { netsplits } from "./netsplits.ts";
import { processes } from "./processes.ts";

/** Every cell of the fault tests: a fault with a write quorum; all workloads run in each. */
export interface Cell {
  readonly fault: Fault;
  readonly w: number;
}

export const allFaults: readonly Fault[] = [...processes, ...netsplits, ...disks];

export const allCells: readonly Cell[] = allFaults.flatMap((fault) =>
  fault.writeQuorums.map((w) => ({ fault, w })),
);

export function cellName({ fault, w }: Cell): string {
  return `${fault.name}, W=${w}`;
}
