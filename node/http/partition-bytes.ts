import type { PartitionSummary } from "../core/ports/merkle-store.ts";

/**
 * Bytes of one copy of each partition, estimated. Nobody counts bytes by partition: a key is taken for its mean share of
 * data.db, a partition of which this node keeps nothing for the mean of those that it keeps (positions are hashes, so
 * partitions have about as many keys each).
 */
export function partitionBytes(
  summaries: readonly PartitionSummary[],
  { keys, bytes }: { readonly keys: number; readonly bytes: number },
): number[] {
  const bytesPerKey = keys === 0 ? 0 : bytes / keys;
  const kept = summaries.filter((summary) => summary.keys > 0);
  const keysKept = kept.reduce((sum, summary) => sum + summary.keys, 0);
  const mean = kept.length === 0 ? 0 : keysKept / kept.length;
  return summaries.map((summary) => Math.round((summary.keys || mean) * bytesPerKey));
}
