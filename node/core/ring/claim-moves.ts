import { UNOWNED, type ClaimPlan } from "./claim-plan.ts";

/**
 * Brings every member to its quota with the fewest moves: a partition moves only if its owner left or owns more
 * than its quota, and only to a member below its quota. A member that gains T partitions takes them about Q/T apart, each
 * where it clashes least: spread out, since the copies of a partition lie on the owners of the N−1 after it.
 */
export function moveToQuotas(plan: ClaimPlan, quotas: Int32Array): void {
  const spare = spares(plan, quotas);
  const loads = plan.loads();
  const gainers = Array.from(quotas, (quota, member) => ({ member, gain: quota - loads[member]! }))
    .filter(({ gain }) => gain > 0)
    .sort((a, b) => b.gain - a.gain || a.member - b.member);
  gainers.forEach(({ member, gain }, rank) => {
    const stride = plan.partitionCount / gain;
    const first = Math.floor((stride * rank) / gainers.length);
    for (let i = 0; i < gain; i++) {
      const target = Math.floor(first + i * stride) % plan.partitionCount;
      const partition = bestFor(plan, { member, target, spare });
      const donor = plan.ownerOf(partition);
      if (donor !== UNOWNED) spare[donor]!--;
      plan.setOwner(partition, member);
    }
  });
}

/** For each member how many partitions it has to give up. */
function spares(plan: ClaimPlan, quotas: Int32Array): Int32Array {
  return plan.loads().map((load, member) => Math.max(0, load - quotas[member]!));
}

interface Wish {
  readonly member: number;
  /** Where on the ring the partition should lie. */
  readonly target: number;
  readonly spare: Int32Array;
}

/** The partition on offer that adds the least clash; then one whose owner left; then the nearest to the target. */
function bestFor(plan: ClaimPlan, { member, target, spare }: Wish): number {
  let best = -1;
  let bestClash = Infinity;
  let bestDistance = Infinity;
  for (let partition = 0; partition < plan.partitionCount; partition++) {
    const owner = plan.ownerOf(partition);
    if (owner !== UNOWNED && !spare[owner]) continue;
    const clash = plan.clash(partition, member) - (owner === UNOWNED ? 0 : plan.clash(partition, owner));
    if (clash > bestClash) continue;
    const away = Math.abs(partition - target);
    const around = Math.min(away, plan.partitionCount - away);
    const distance = owner === UNOWNED ? around - plan.partitionCount : around;
    if (clash === bestClash && distance >= bestDistance) continue;
    best = partition;
    bestClash = clash;
    bestDistance = distance;
  }
  return best;
}
