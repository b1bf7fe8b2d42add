import type { RingChangeResult } from "./ring-change-load.ts";
import type { SideSummary } from "./operation-log.ts";

/** What one run of one cell showed: a line of the results file. */
export interface RunResult {
  /** ISO 8601, at its end. */
  readonly at: string;
  readonly nodeVersion: string;
  /** Of the sources, as of test/tree-commit.ts; absent in lines of an older program. */
  readonly commit?: string;
  readonly fault: string;
  readonly w: number;
  /** How long the fault lasted. */
  readonly faultMs: number;
  /** The whole run: load, fault, mending, convergence and reading back. Absent in lines of an older program. */
  readonly wallMs?: number;
  readonly workloads: Readonly<Record<string, WorkloadResult>>;
  /** Calls that began during the fault, by side. */
  readonly sides: Readonly<Record<string, SideSummary>>;
  /** From the last write to equal roots everywhere and no hint; null where the bound was not enough. */
  readonly convergeMs: number | null;
  /** Of a cell with ring changes. */
  readonly changes?: RingChangeResult;
  /** What must not be; empty where the run passed. */
  readonly failures: readonly string[];
}

export interface WorkloadResult {
  readonly operations: number;
  readonly ok: number;
  /** Certainly without effect. */
  readonly failed: number;
  /** Refused by nodes that are no members, and in no other count; absent in lines of an older program. */
  readonly outside?: number;
  /** May have been applied. */
  readonly unknown: number;
  readonly reads: number;
  readonly staleReads: number;
  readonly siblingsMax: number;
  readonly lost: number;
  readonly resurrected: number;
  readonly corrupt: number;
  /** Values that came back under a second dot of their write, which nobody had seen (docs/decisions/0002). */
  readonly twins: number;
  /** One write shown twice, a value that nobody wrote, one whose write was refused, or a read that must not be stale and is. */
  readonly wrong: number;
}
