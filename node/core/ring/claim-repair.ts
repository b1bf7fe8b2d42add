import { UNOWNED, type ClaimPlan } from "./claim-plan.ts";

/**
 * Removes clashes that a change left or that were there before: two partitions exchange their owners wherever that
 * lessens the clashes, so loads stay as they are. An exchange among partitions that move anyhow is free; of others it moves at most
 * `movesMax`. Each exchange lessens the sum of clashes, so it ends.
 */
export function removeClashes(plan: ClaimPlan, movesMax: number): void {
  if (plan.memberCount <= plan.span) return;
  const budget = { moves: movesMax, looks: LOOKS_MAX };
  for (let progress = true; progress;) {
    progress = false;
    for (let partition = 0; partition < plan.partitionCount; partition++) {
      if (plan.clash(partition, plan.ownerOf(partition)) === 0) continue;
      if (budget.looks <= 0) return;
      const other = bestExchange(plan, partition, budget);
      if (other === undefined) continue;
      exchange(plan, partition, other);
      progress = true;
    }
  }
}

/** Exchanges that are weighed at most: some hundred milliseconds. Reached only where clashes cannot be avoided. */
const LOOKS_MAX = 2_000_000;

/** The usual bound, beyond the moves of the change itself: one member's share of the ring. */
export function repairMovesMax(plan: Pick<ClaimPlan, "partitionCount" | "memberCount">): number {
  return Math.ceil(plan.partitionCount / plan.memberCount);
}

interface Budget {
  moves: number;
  looks: number;
}

/** The exchange that lessens clashes most, then moves least; its moves are taken from the budget. */
function bestExchange(plan: ClaimPlan, partition: number, budget: Budget): number | undefined {
  const owner = plan.ownerOf(partition);
  const clashHere = plan.clash(partition, owner);
  let best: { other: number; gain: number; moves: number } | undefined;
  for (let step = plan.span; step <= plan.partitionCount - plan.span; step++) {
    const other = (partition + step) % plan.partitionCount;
    const otherOwner = plan.ownerOf(other);
    if (otherOwner === owner) continue;
    budget.looks--;
    const here = clashHere - plan.clash(partition, otherOwner);
    if (here <= 0) continue;
    const gain = here + plan.clash(other, otherOwner) - plan.clash(other, owner);
    if (gain <= 0) continue;
    const moves = extraMoves(plan, partition, otherOwner) + extraMoves(plan, other, owner);
    if (moves > budget.moves) continue;
    if (best === undefined || gain > best.gain || (gain === best.gain && moves < best.moves))
      best = { other, gain, moves };
  }
  if (best !== undefined) budget.moves -= best.moves;
  return best?.other;
}

/** How many more partitions move if `member` gets this one: 1, 0, or −1 where it goes back to whom it belonged. */
function extraMoves(plan: ClaimPlan, partition: number, member: number): number {
  const before = plan.previous[partition]!;
  if (before === UNOWNED) return 0;
  const movesNow = plan.ownerOf(partition) === before ? 0 : 1;
  return (member === before ? 0 : 1) - movesNow;
}

function exchange(plan: ClaimPlan, a: number, b: number): void {
  const owner = plan.ownerOf(a);
  plan.setOwner(a, plan.ownerOf(b));
  plan.setOwner(b, owner);
}
