import type { ClaimPlan } from "./claim-plan.ts";

/**
 * The first layout of a ring. Imagine the ring cut into k = floor(Q/N) rows of N or N+1 partitions, written one below the
 * other. Fill this grid column by column, all of one colour before the next, largest first; a colour is a zone, or
 * a member where zones are too few to matter. A colour of quota q ≤ k then never comes twice in N partitions:
 *
 * - down a column it comes once a row, and rows are at least N long, also from the last row on to the first;
 * - where it runs on at the top of the next column, it ends at least one row before the row where it began (colours
 *   with q = k come first and fill whole columns), so its two partitions there are at least 2N−1 apart;
 * - from the bottom of its one column to the top of the next there is one more than a row between them.
 *
 * Members of a zone then take its partitions in turns.
 */
export function layOut(plan: ClaimPlan, quotas: Int32Array): void {
  const byZone = plan.zoneCount > 1;
  const colours = byZone ? zoneMembers(plan) : Array.from(quotas, (_, member) => [member]);
  const quotaOf = (members: readonly number[]) => members.reduce((sum, member) => sum + quotas[member]!, 0);
  const queue = colours
    .map((members) => ({ members, quota: quotaOf(members) }))
    .sort((a, b) => b.quota - a.quota)
    .flatMap(({ members, quota }) => new Array<readonly number[]>(quota).fill(members));
  const order = gridColumns(plan);
  const membersAt: (readonly number[])[] = [];
  queue.forEach((members, i) => (membersAt[order[i]!] = members));
  takeTurns(plan, membersAt, quotas);
}

function zoneMembers(plan: ClaimPlan): number[][] {
  const zones: number[][] = Array.from({ length: plan.zoneCount }, () => []);
  plan.zoneOf.forEach((zone, member) => zones[zone]!.push(member));
  return zones;
}

/** The partitions in the order of the grid's columns. */
function gridColumns(plan: ClaimPlan): number[] {
  const { partitionCount, span } = plan;
  const rows =
    plan.zonesSuffice || plan.zoneCount === 1
      ? Math.floor(partitionCount / span)
      : Math.ceil(partitionCount / span);
  const starts: number[] = [];
  for (let row = 0, start = 0; row < rows; row++) {
    starts.push(start);
    start += Math.floor((partitionCount - row - 1) / rows) + 1;
  }
  const order: number[] = [];
  for (let column = 0; order.length < partitionCount; column++) {
    for (let row = 0; row < rows; row++) {
      const at = starts[row]! + column;
      if (at < (starts[row + 1] ?? partitionCount)) order.push(at);
    }
  }
  return order;
}

/** Around the ring, each partition goes to the member of its zone that waited longest and has quota left. */
function takeTurns(plan: ClaimPlan, membersAt: readonly (readonly number[])[], quotas: Int32Array): void {
  const left = Int32Array.from(quotas);
  const turns = new Map<readonly number[], number>();
  membersAt.forEach((members, partition) => {
    let turn = turns.get(members) ?? 0;
    while (left[members[turn % members.length]!] === 0) turn++;
    const member = members[turn % members.length]!;
    left[member]!--;
    turns.set(members, turn + 1);
    plan.setOwner(partition, member);
  });
}
