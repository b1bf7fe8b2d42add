import type {
  AdminExchange,
  AdminLastExchange,
  AdminPartition,
  AdminRepair,
} from "../contract/admin-types.ts";
import type { LastExchange } from "../core/antientropy/anti-entropy.ts";
import type { ExchangeReport } from "../core/antientropy/exchange-report.ts";
import type { NodeId } from "../core/node-id.ts";
import type { PartitionSummary } from "../core/ports/merkle-store.ts";
import type { RingState } from "../core/ring/ring-state.ts";

/** What anti-entropy knows, as the admin API tells it. */

/** Those that the node owns, and those that it has rows of without owning them. */
export function describePartitions(
  summaries: readonly PartitionSummary[],
  self: NodeId,
  ring: RingState,
): AdminPartition[] {
  return summaries.flatMap(({ root, keys }, partition): AdminPartition[] => {
    const isOwner = ring.preferenceList(partition).owners.includes(self);
    if (!isOwner && keys === 0) return [];
    return [
      { partition, role: isOwner ? "owner" : "misplaced", keys, root: Buffer.from(root).toString("hex") },
    ];
  });
}

export function describeRepair(reports: readonly ExchangeReport[]): AdminRepair {
  const exchanges = reports.map(describeExchange);
  const sum = (count: (each: AdminExchange) => number): number =>
    exchanges.reduce((total, each) => total + count(each), 0);
  return {
    exchanges,
    recordsMoved: sum((each) => each.recordsPulled + each.recordsPushed),
    bytesMoved: sum((each) => each.bytesSent + each.bytesReceived),
  };
}

function describeExchange({ partitionsCovered, durationMs, ...report }: ExchangeReport): AdminExchange {
  return { ...report, partitionsCovered: partitionsCovered.length, durationMs: Math.round(durationMs) };
}

/** By the id of the peer. */
export function describeLastExchanges(
  exchanges: readonly LastExchange[],
): Readonly<Record<string, AdminLastExchange>> {
  return Object.fromEntries(
    exchanges.map(({ peer, agoMs, outcome, reason, recordsMoved, equalAgoMs }) => [
      peer,
      {
        agoMs: Math.round(agoMs),
        outcome,
        reason,
        recordsMoved,
        equalAgoMs: equalAgoMs === undefined ? null : Math.round(equalAgoMs),
      },
    ]),
  );
}
