import type { AdminRing } from "../../node/contract/admin-types.ts";
import type { NodeView } from "./node-view.ts";

/**
 * What a pod's node is to the ring. `spare`: it answers, has no ring and waits to be made a member. `left`: it was a member and is
 * none any more, or its joining was cancelled. `unknown`: it does not answer, and no member is known at its address.
 */
export type NodeStanding = "member" | "spare" | "left" | "unknown";

export interface StandingNode {
  readonly node: NodeView;
  readonly standing: NodeStanding;
  /** Of the member that it is, or of what answers there; undefined where unknown. */
  readonly id: string | undefined;
  readonly statefulSet: string;
  readonly ordinal: number;
  /** Whether anybody has ever heard of a node at this pod, as far as those that answer remember. */
  readonly isHeardOf: boolean;
}

/** In the order of the nodes. */
export function standings(nodes: readonly NodeView[], ring: AdminRing): readonly StandingNode[] {
  const ids = new Set(ring.members.map(({ id }) => id));
  const pods = memberPods(nodes, ring);
  const heardOf = new Set(nodes.flatMap(({ report }) => report?.members ?? []).map(podAt));
  return nodes.map((node) => {
    const dash = node.pod.lastIndexOf("-");
    const place = {
      statefulSet: node.pod.slice(0, dash),
      ordinal: Number(node.pod.slice(dash + 1)),
      isHeardOf: heardOf.has(node.pod),
    };
    const { report } = node;
    if (report === undefined) {
      const id = pods.get(node.pod);
      return { node, ...place, id, standing: id === undefined ? "unknown" : "member" };
    }
    const { id } = report.status.node;
    if (ids.has(id)) return { node, ...place, id, standing: "member" };
    return { node, ...place, id, standing: report.ring === undefined ? "spare" : "left" };
  });
}

/** Members by the pod that the others know them at: who is silent now was heard there before. */
function memberPods(nodes: readonly NodeView[], ring: AdminRing): ReadonlyMap<string, string> {
  const ids = new Set(ring.members.map(({ id }) => id));
  const answering = new Set(nodes.flatMap(({ report }) => report?.status.node.id ?? []));
  const pods = new Map<string, string>();
  for (const { report } of nodes) {
    for (const member of report?.members ?? [])
      if (ids.has(member.id) && !answering.has(member.id)) pods.set(podAt(member), member.id);
  }
  return pods;
}

/** Pods advertise their names in the headless service: the first label is the pod's. */
export function podAt({ address }: { readonly address: string }): string {
  return address.split(".")[0]!;
}
