import type { StorePoint } from "../../../../../node/core/ports/replica-store.ts";

/** Store, run and sequence as small numbers. */
export function at(store: number, run: number, sequence: number): StorePoint {
  const hex = (n: number): string => n.toString(16).padStart(16, "0");
  return { storeId: hex(store), runId: hex(run), sequence };
}
