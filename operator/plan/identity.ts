import type { NodeView } from "../observe/node-view.ts";
import type { Step } from "./step.ts";

/**
 * A member whose volume was lost comes back as a stranger: its pod runs a node with a fresh id and no ring. It takes
 * over the id of the member that the others knew at that pod's address, starts again under it, is recognised by its
 * co-owners as one that lost its disk, and is no vote until anti-entropy has filled it.
 *
 * Only where nothing speaks against it: the stranger holds no ring, nobody reaches the old member anywhere, the others
 * agree about the ring, and enough of them are there to fill the newcomer. One at a time.
 */
export function identityStep(nodes: readonly NodeView[]): Step | undefined {
  const witnesses = nodes.filter(({ report }) => report?.ring !== undefined);
  const ring = witnesses[0]?.report?.ring;
  if (ring === undefined) return undefined;
  const present = new Set(nodes.flatMap(({ report }) => report?.status.node.id ?? []));
  for (const { pod, report, isTerminating } of nodes) {
    if (report === undefined || report.ring !== undefined || isTerminating) continue;
    if (ring.members.some(({ id }) => id === report.status.node.id)) continue; // a member that the ring has yet to reach
    const lost = lostMemberAt(pod, { ring, witnesses, present });
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
  {
    ring,
    witnesses,
    present,
  }: {
    ring: { readonly members: readonly { readonly id: string }[] };
    witnesses: readonly NodeView[];
    present: ReadonlySet<string>;
  },
): string | undefined {
  for (const { id } of ring.members) {
    if (present.has(id)) continue;
    const seen = witnesses.flatMap(({ report }) => report!.members.filter((member) => member.id === id));
    if (seen.some(({ reachable }) => reachable)) continue;
    if (seen.some(({ address }) => address.startsWith(`${pod}.`))) return id;
  }
  return undefined;
}
