import type { NodeId } from "../node-id.ts";
import { barrierOf, type PartitionMove, transferSources } from "../ring/change/change-progress.ts";

/** What one exchange is to compare. */
export interface NextTransfer {
  readonly source: NodeId;
  /** Ascending. */
  readonly partitions: readonly number[];
}

export interface TransferView {
  /** Of the partitions that this node comes to own. */
  readonly moves: readonly PartitionMove[];
  /** Default W, as transferSources takes it. */
  readonly w: number;
  readonly isFencing: (node: NodeId) => boolean;
  /** Whether an exchange with it could begin now. */
  readonly isUsable: (source: NodeId) => boolean;
  /** Whether another exchange compares it: the same records would come twice. */
  readonly isBusy: (partition: number) => boolean;
  readonly equalWith: (partition: number) => ReadonlySet<NodeId>;
  /**
   * Any whole number from 0, one more each time. Nodes that gain at the same time should not begin with the same source, and
   * partitions that do not become equal with one not keep the others from their turn.
   */
  readonly turn: number;
}

/**
 * Few, so that what is complete is reported early and a source that dies takes little with it; what an exchange costs beside its
 * rows is some round trips.
 */
export const PARTITIONS_PER_TRANSFER = 4;

/**
 * The source that most partitions still lack, and some of those. Only owners that have taken over the begin are sources, and only
 * once they are as many as the barrier needs (change-progress.ts). Where all have what the barrier needs, the sources that are left
 * follow: the node that counts the reports may have another default W. Undefined where nothing can begin now.
 */
export function nextTransfer(view: TransferView): NextTransfer | undefined {
  const free = view.moves.filter(({ partition }) => !view.isBusy(partition));
  const short = free.filter((move) => isShort(move, view));
  return mostWanted(short, view) ?? mostWanted(free, view);
}

function mostWanted(moves: readonly PartitionMove[], view: TransferView): NextTransfer | undefined {
  const wanted = new Map<NodeId, number[]>();
  for (const move of moves) {
    for (const source of sourcesLeft(move, view)) {
      const partitions = wanted.get(source);
      if (partitions === undefined) wanted.set(source, [move.partition]);
      else partitions.push(move.partition);
    }
  }
  const most = Math.max(...[...wanted.values()].map(({ length }) => length));
  const equallyGood = [...wanted].filter(([, { length }]) => length === most).sort(byId);
  const [chosen] = equallyGood.slice(view.turn % Math.max(1, equallyGood.length));
  if (chosen === undefined) return undefined;
  const [source, partitions] = chosen;
  return { source, partitions: fewOf(partitions, Math.floor(view.turn / equallyGood.length)) };
}

/** Neighbours in the list, from its `first` on, ascending. */
function fewOf(partitions: readonly number[], first: number): number[] {
  const count = Math.min(PARTITIONS_PER_TRANSFER, partitions.length);
  return Array.from({ length: count }, (_, i) => partitions[(first + i) % partitions.length]!).sort(
    (a, b) => a - b,
  );
}

/** Whether the partition is equal with fewer than it needs. */
function isShort({ partition, before }: PartitionMove, { w, equalWith }: TransferView): boolean {
  const done = equalWith(partition);
  return before.filter((id) => done.has(id)).length < barrierOf({ owners: before.length, quorum: w });
}

function sourcesLeft(move: PartitionMove, { w, isFencing, isUsable, equalWith }: TransferView): NodeId[] {
  const done = equalWith(move.partition);
  const sources = transferSources(move, { w, isFencing }) ?? [];
  return sources.filter((id) => !done.has(id) && isUsable(id));
}

function byId([a]: readonly [NodeId, unknown], [b]: readonly [NodeId, unknown]): number {
  return a < b ? -1 : 1;
}
