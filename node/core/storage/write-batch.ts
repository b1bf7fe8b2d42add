import type { Stored } from "../ports/replica-store.ts";
import type { BatchTable } from "./batch-table.ts";
import { noRows, type RowCounts, type RowRecount } from "./row-counts.ts";
import type { WriteCommand } from "./write-codec.ts";
import type { RowsDisplaced, SettledRun } from "./write-reply-codec.ts";

/** A batch of group-commit.ts and what is told of it. Of a batch that failed only what was kept all the same counts. */
export interface QueuedWrite {
  readonly call: number;
  readonly command: WriteCommand;
}

export interface Batch {
  readonly startMs: number;
  readonly writes: readonly QueuedWrite[];
  readonly bytes: number;
  readonly data: BatchTable;
  readonly hints: BatchTable;
  readonly results: Stored[];
  /** What some commands are answered beside that, once the batch is on stable storage. */
  readonly answers: { readonly call: number; readonly answer: Uint8Array }[];
  /** Copies and markers that found no room. */
  hintsRefused: number;
  /** In use in hints.db; undefined where the batch did not touch it. */
  hintBytes: number | undefined;
  /** Also where hints.db fails afterwards, and the batch with it. */
  isDataKept: boolean;
}

export function rowsAdded({ data, hints, isDataKept }: Batch, areHintsKept: boolean): RowCounts {
  if (!areHintsKept) return { ...noRows, data: isDataKept ? data.rowsAdded : 0 };
  const { markersAdded: markers, hintsAdded: hintsByOwner } = hints;
  return { data: data.rowsAdded, hints: hints.rowsAdded, markers, hintsByOwner };
}

export function rowsCounted({ data, hints, isDataKept }: Batch, areHintsKept: boolean): RowRecount {
  const kept = areHintsKept ? hints.counted?.kept : undefined;
  return { data: isDataKept ? data.counted?.rows : undefined, hints: kept };
}

export function rowsDisplaced({ data, hints, isDataKept }: Batch, areHintsKept: boolean): RowsDisplaced {
  return {
    data: isDataKept ? data.rowsDisplaced : undefined,
    hints: areHintsKept ? hints.rowsDisplaced : undefined,
  };
}

/** One object for all that are stored, so that neighbours become one run. */
export const stored: Stored = { ok: true };

/** Neighbours with the same result become one run: the usual batch is a single one. */
export function runsOf({ writes, results }: Batch): SettledRun[] {
  const runs: { firstCall: number; count: number; result: Stored }[] = [];
  for (let i = 0; i < writes.length; i++) {
    const { call } = writes[i]!;
    const result = results[i]!;
    const last = runs.at(-1);
    if (last !== undefined && last.firstCall + last.count === call && last.result === result) last.count += 1;
    else runs.push({ firstCall: call, count: 1, result });
  }
  return runs;
}
