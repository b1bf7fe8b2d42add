import type { AdminRing } from "../../node/contract/admin-types.ts";
import { claimName } from "../desired/names.ts";
import { latestRing } from "../observe/latest-ring.ts";
import { answeringIds, podsHeardOf } from "../observe/node-standing.ts";
import type { NodeView } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { isOfLeft, isUnbound } from "../observe/claim-notes.ts";
import type { Step } from "./step.ts";
import { isOfCluster } from "./volumes.ts";

/**
 * A member whose volume was lost comes back as a stranger: its pod runs a node with a fresh id and no ring. It takes
 * over the id of the member that the others knew at that pod's address, starts again under it, is recognised by its
 * co-owners as one that lost its disk, and is no vote until anti-entropy has filled it.
 *
 * Only where nothing speaks against it: the stranger holds no ring, nobody reaches the old member anywhere, the others
 * agree about the ring, and enough of them are there to fill the newcomer. One at a time.
 */
export function identityStep(observed: ObservedState, nodes: readonly NodeView[]): Step | undefined {
  const ring = latestRing(nodes);
  if (ring === undefined) return undefined;
  const isMember = (id: string): boolean => ring.members.some((member) => member.id === id);
  const witnesses = nodes.filter(
    ({ report }) => report?.ring !== undefined && isMember(report.status.node.id),
  );
  const answering = answeringIds(nodes);
  const strangers = nodes.filter(
    // A member that the ring has yet to reach is none.
    ({ report }) => report !== undefined && report.ring === undefined && !isMember(report.status.node.id),
  );
  const silent = ring.members.map(({ id }) => id).filter((id) => !answering.has(id));
  for (const { pod, report, isTerminating } of strangers) {
    if (isTerminating) continue;
    const lost =
      lostMemberAt(pod, silent, witnesses) ??
      (strangers.length === 1
        ? onlyOneLeft(silent, { observed, nodes, ring, zone: report!.status.node.zone })
        : undefined);
    if (lost === undefined) continue;
    if (witnesses.length < ring.members.length - 1) {
      const message = `${pod} lost its volume; it takes its place again once the other ${ring.members.length - 1} members answer`;
      return { kind: "wait", reason: "ForNodes", message, afterMs: 2_000 };
    }
    return { kind: "adopt_identity", pod, id: lost };
  }
  return undefined;
}

function lostMemberAt(
  pod: string,
  silent: readonly string[],
  witnesses: readonly NodeView[],
): string | undefined {
  for (const id of silent) {
    const seen = witnesses.flatMap(({ report }) => report!.members.filter((member) => member.id === id));
    if (seen.some(({ reachable }) => reachable)) continue;
    if (seen.some(({ address }) => address.startsWith(`${pod}.`))) return id;
  }
  return undefined;
}

/**
 * After a power cut nobody may remember where a member was. Where every pod answers, one of them alone is a stranger and one
 * member of its zone alone is missing, that one was there: no volume is left on which it could come back elsewhere.
 */
function onlyOneLeft(
  silent: readonly string[],
  {
    observed,
    nodes,
    ring,
    zone,
  }: { observed: ObservedState; nodes: readonly NodeView[]; ring: AdminRing; zone: string },
): string | undefined {
  const [id, ...others] = silent;
  if (id === undefined || others.length > 0 || podsHeardOf(nodes, id).length > 0) return undefined;
  if (ring.members.find((member) => member.id === id)!.zone !== zone) return undefined;
  if (ring.change !== null || nodes.some(({ report }) => report === undefined)) return undefined;
  const pods = new Set(nodes.map(({ pod }) => claimName(pod)));
  const mayComeBack = observed.claims.some((claim) => {
    const name = claim.metadata!.name!;
    return isOfCluster(name, observed) && !pods.has(name) && !isUnbound(claim) && !isOfLeft(claim, ring);
  });
  return mayComeBack ? undefined : id;
}
