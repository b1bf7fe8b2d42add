import type { NodeId } from "../../node-id.ts";
import { preferenceLists } from "../preference-list.ts";
import type { PreferenceList, Ring } from "../ring.ts";
import type { ChangePlan } from "./change-plan.ts";

/**
 * What a planned change would move, for whoever is about to ask for it. Copies move, not owners alone: a partition
 * lies on the N nodes of its preference list, so one partition that changes its owner changes N lists.
 *
 * `copiesMovedMin` is the least that any plan with these copies on each node moves: what a node has more afterwards
 * must have come from elsewhere.
 */
export interface ChangePreview {
  /** One a copy that is made; in the order of partitions. */
  readonly transfers: readonly Transfer[];
  readonly copiesMovedMin: number;
  /** Partitions that change their owner, and the least that any plan with these loads changes. */
  readonly ownersMoved: number;
  readonly ownersMovedMin: number;
  /** Every node before or after, ascending by id. */
  readonly nodes: readonly NodeShare[];
  /** Undefined where the sizes of the partitions are not known. */
  readonly bytesMoved: number | undefined;
}

export interface Transfer {
  readonly partition: number;
  /** Who gives its copy up for this one; undefined where the partition has one copy more than before. */
  readonly from: NodeId | undefined;
  readonly to: NodeId;
}

/** What one node has, before → after; 0 before it joins and after it left. */
export interface NodeShare {
  readonly id: NodeId;
  /** Partitions that the ring gives it. */
  readonly owned: { readonly before: number; readonly after: number };
  /** Partitions that it keeps a copy of. */
  readonly copies: { readonly before: number; readonly after: number };
}

/** `partitionBytes`: bytes of one copy of each partition, as far as somebody has measured them. */
export function previewChange(
  ring: Ring,
  { members, nextOwners }: Pick<ChangePlan, "members" | "nextOwners">,
  partitionBytes?: readonly number[],
): ChangePreview {
  const indexOf = new Map(members.map(({ id }, index) => [id, index]));
  const before = preferenceLists(ring);
  const after = preferenceLists({
    parameters: ring.parameters,
    members: members.map((member) => ({ ...member, state: "active" })),
    owners: nextOwners.map((id) => indexOf.get(id)!),
  });
  const ownersBefore = ring.owners.map((owner) => ring.members[owner]!.id);
  const owned = { before: countsOf(ownersBefore), after: countsOf(nextOwners) };
  const copies = { before: countsOf(copiesOf(before)), after: countsOf(copiesOf(after)) };
  const ids = [...new Set([...ring.members, ...members].map(({ id }) => id))].sort();
  const transfers = before.flatMap((list, partition) => transfersOf(list, after[partition]!));
  return {
    transfers,
    copiesMovedMin: gainsOf(ids, copies),
    ownersMoved: ownersBefore.filter((id, partition) => id !== nextOwners[partition]).length,
    ownersMovedMin: gainsOf(ids, owned),
    nodes: ids.map((id) => ({ id, owned: shareOf(id, owned), copies: shareOf(id, copies) })),
    bytesMoved:
      partitionBytes === undefined
        ? undefined
        : transfers.reduce((sum, { partition }) => sum + (partitionBytes[partition] ?? 0), 0),
  };
}

function transfersOf(before: PreferenceList, after: PreferenceList): Transfer[] {
  const lost = before.owners.filter((id) => !after.owners.includes(id));
  const gained = after.owners.filter((id) => !before.owners.includes(id));
  return gained.map((to, place) => ({ partition: before.partition, from: lost[place], to }));
}

function copiesOf(lists: readonly PreferenceList[]): NodeId[] {
  return lists.flatMap(({ owners }) => owners);
}

interface Counts {
  readonly before: ReadonlyMap<NodeId, number>;
  readonly after: ReadonlyMap<NodeId, number>;
}

function countsOf(ids: readonly NodeId[]): Map<NodeId, number> {
  const counts = new Map<NodeId, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function shareOf(id: NodeId, { before, after }: Counts): NodeShare["owned"] {
  return { before: before.get(id) ?? 0, after: after.get(id) ?? 0 };
}

function gainsOf(ids: readonly NodeId[], counts: Counts): number {
  return ids.reduce((sum, id) => {
    const { before, after } = shareOf(id, counts);
    return sum + Math.max(0, after - before);
  }, 0);
}
