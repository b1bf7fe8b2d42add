import type { AdminRing } from "../../node/contract/admin-types.ts";
import { isUnbound } from "./claim-notes.ts";
import type { NodeView } from "./node-view.ts";
import type { AnsweredReport } from "./observed-state.ts";

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
  /**
   * Whether an unknown one may be a member, or one that has left and hands over yet: nodes remember where others were only as long
   * as they run, so that after a power cut nobody may know.
   */
  readonly mayKeepCopies: boolean;
}

/** In the order of the nodes. */
export function standings(nodes: readonly NodeView[], ring: AdminRing): readonly StandingNode[] {
  const silent = silentNodes(nodes, ring);
  return nodes.map((node) => {
    const dash = node.pod.lastIndexOf("-");
    const place = { statefulSet: node.pod.slice(0, dash), ordinal: Number(node.pod.slice(dash + 1)) };
    if (node.report !== undefined) return { node, ...place, ...standingOf(node.report, ring) };
    const id = silent.memberAt.get(node.pod);
    if (id !== undefined) return { node, ...place, id, standing: "member", mayKeepCopies: true };
    return { node, ...place, id, standing: "unknown", mayKeepCopies: silent.mayBeAt(node.pod) };
  });
}

function standingOf(
  { status, ring: own }: AnsweredReport,
  { members }: AdminRing,
): Pick<StandingNode, "id" | "standing" | "mayKeepCopies"> {
  const { id } = status.node;
  if (members.some((member) => member.id === id)) return { id, standing: "member", mayKeepCopies: true };
  return { id, standing: own === undefined ? "spare" : "left", mayKeepCopies: own !== undefined };
}

interface SilentNodes {
  /** By pod: where the others have heard them, or the only pod that is left for the only one that nobody has heard. */
  readonly memberAt: ReadonlyMap<string, string>;
  /** Whether some other node that the ring lists may be at this pod, for all that anybody knows. */
  readonly mayBeAt: (pod: string) => boolean;
}

function silentNodes(nodes: readonly NodeView[], { members, departed = [] }: AdminRing): SilentNodes {
  const answering = answeringIds(nodes);
  // Where another member answers now, the node that was heard there is somewhere else.
  const taken = nodes.filter(({ report }) => members.some((member) => member.id === report?.status.node.id));
  const heardAt = (id: string): string[] =>
    podsHeardOf(nodes, id).filter((pod) => !taken.some((node) => node.pod === pod));
  const silent = members.map(({ id }) => id).filter((id) => !answering.has(id));
  const memberAt = new Map(silent.flatMap((id) => heardAt(id).map((pod) => [pod, id] as const)));
  const unheard = silent.filter((id) => heardAt(id).length === 0);
  const away = departed.filter((id) => !answering.has(id)).map(heardAt);
  const mayBeDeparted = (pod: string): boolean =>
    away.some((pods) => pods.length === 0 || pods.includes(pod));
  // Nobody ever kept anything at a pod that has yet to get its volume.
  const places = nodes.filter(
    ({ pod, report, claim }) =>
      report === undefined && !memberAt.has(pod) && !(claim !== undefined && isUnbound(claim)),
  );
  const [place, ...others] = places.map(({ pod }) => pod);
  if (unheard.length === 1 && place !== undefined && others.length === 0 && !mayBeDeparted(place)) {
    memberAt.set(place, unheard[0]!);
    return { memberAt, mayBeAt: () => false };
  }
  // A few may serve a ring that is none any more.
  const areFew = 2 * (members.length - silent.length) <= members.length;
  return {
    memberAt,
    mayBeAt: (pod) =>
      areFew || (places.some((each) => each.pod === pod) && (unheard.length > 0 || mayBeDeparted(pod))),
  };
}

/** Ids of the nodes that answer, members or not. */
export function answeringIds(nodes: readonly NodeView[]): ReadonlySet<string> {
  return new Set(nodes.flatMap(({ report }) => report?.status.node.id ?? []));
}

/** Pods at which a node was, as the others remember: none where those that had heard of it have started anew. */
export function podsHeardOf(nodes: readonly NodeView[], id: string): string[] {
  const heard = nodes.flatMap(({ report }) => report?.members ?? []);
  // Who has not heard of a member of its ring tells no address.
  return [...new Set(heard.filter((member) => member.id === id && member.address !== "").map(podAt))];
}

/** Pods advertise their names in the headless service: the first label is the pod's. */
export function podAt({ address }: { readonly address: string }): string {
  return address.split(".")[0]!;
}
