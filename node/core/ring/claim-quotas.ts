import type { ClaimPlan } from "./claim-plan.ts";

/**
 * How many partitions each member is to own. First the zones share the ring in proportion to their members, within
 * the bounds that keep N zones apart: with at least N zones none can hold more than floor(Q/N) partitions, with fewer each
 * must hold ceil(Q/N), or some run of N partitions misses it. Then the members of a zone share it evenly. What does
 * not divide goes to those that already own most, so that it need not move.
 */
export function planQuotas(plan: ClaimPlan): Int32Array {
  const loads = plan.loads();
  const zones = Array.from({ length: plan.zoneCount }, () => ({ members: [] as number[], load: 0 }));
  plan.zoneOf.forEach((zone, member) => {
    zones[zone]!.members.push(member);
    zones[zone]!.load += loads[member]!;
  });
  const shares = zoneShares(
    plan,
    zones.map(({ members }) => members.length),
  );
  const zoneQuotas = roundToTotal(
    shares,
    zones.map(({ load }) => load),
    plan.partitionCount,
  );
  const quotas = new Int32Array(plan.memberCount);
  zones.forEach(({ members }, zone) => {
    const even = members.map(() => zoneQuotas[zone]! / members.length);
    const rounded = roundToTotal(
      even,
      members.map((member) => loads[member]!),
      zoneQuotas[zone]!,
    );
    members.forEach((member, i) => (quotas[member] = rounded[i]!));
  });
  return quotas;
}

/** Fractions of partitions, in proportion to `sizes` within the bounds; they sum up to Q. */
function zoneShares(plan: ClaimPlan, sizes: readonly number[]): number[] {
  const { partitionCount: total, span, zoneCount } = plan;
  const most = plan.zonesSuffice ? Math.max(Math.floor(total / span), total / zoneCount) : total;
  const least = plan.zonesSuffice ? 0 : Math.min(Math.ceil(total / span), total / zoneCount);
  const fixed = new Map<number, number>();
  for (;;) {
    const free = sizes.map((_, zone) => zone).filter((zone) => !fixed.has(zone));
    const left = total - [...fixed.values()].reduce((sum, share) => sum + share, 0);
    const weight = free.reduce((sum, zone) => sum + sizes[zone]!, 0);
    const shareOf = (zone: number) => (left * sizes[zone]!) / weight;
    const outside = free.filter((zone) => shareOf(zone) > most || shareOf(zone) < least);
    if (outside.length === 0) return sizes.map((_, zone) => fixed.get(zone) ?? shareOf(zone));
    for (const zone of outside) fixed.set(zone, shareOf(zone) > most ? most : least);
  }
}

/** Whole numbers that sum up to `total`, each the floor or the ceiling of its share; ties go to the greatest load. */
function roundToTotal(shares: readonly number[], loads: readonly number[], total: number): number[] {
  const rounded = shares.map((share) => Math.floor(share + 1e-9));
  const hungry = shares
    .map((share, index) => ({ index, wants: loads[index]! - rounded[index]!, rest: share - rounded[index]! }))
    .filter(({ rest }) => rest > 1e-9)
    .sort((a, b) => b.wants - a.wants || b.rest - a.rest || a.index - b.index);
  const missing = total - rounded.reduce((sum, part) => sum + part, 0);
  for (const { index } of hungry.slice(0, missing)) rounded[index]!++;
  return rounded;
}
