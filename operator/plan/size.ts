import type { V1PersistentVolumeClaim, V1StatefulSet } from "@kubernetes/client-node";
import type { AdminRing } from "../../node/contract/admin-types.ts";
import { claimName } from "../desired/names.ts";
import { type ZoneShare, zoneShares } from "../desired/zone-plan.ts";
import { latestRing } from "../observe/latest-ring.ts";
import type { NodeView } from "../observe/node-view.ts";
import { answeringIds, podsHeardOf, standings } from "../observe/node-standing.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { isOfLeft, isUnbound, notedNode } from "../observe/claim-notes.ts";
import { whyLost } from "./lost-volume.ts";
import {
  changeIdOf,
  healthObstacle,
  OPERATOR_CHANGE,
  type Placed,
  roomObstacle,
  sizeChange,
} from "./size-change.ts";
import type { SizeChange, Step } from "./step.ts";
import { isOfCluster } from "./volumes.ts";

/**
 * From the ring that there is to the size that is asked for, one step at a time, and each by what is seen now alone: a
 * change of mind at any point, a crash, or another operator find the same way.
 *
 *     up:    pods come, wait as spares, join the ring
 *     down:  leave the ring, hand everything over, noted on the claim, pods go, the claim by policy
 *
 * What has begun to go is not called back half-way: a change that moves data is cancelled, a node that has left is removed
 * whole and a fresh one takes its name.
 */
export function sizeStep(observed: ObservedState, nodes: readonly NodeView[]): Step | undefined {
  const ring = latestRing(nodes);
  if (ring === undefined) return undefined;
  const placed = placedNodes(observed, nodes, ring);
  return (
    cancelled(observed, placed, ring) ??
    changeUnderWay(observed, placed, { ring, nodes }) ??
    handover(placed, ring) ??
    shrunkSets(observed, placed) ??
    unusedClaims(observed, { ring, nodes }) ??
    grownSets(observed, { ring, nodes }, { toSize: true }) ??
    beginning(observed, placed, ring)
  );
}

/** Why the size that is asked for cannot be reached, where a person has to do something. */
export interface SizeObstacle {
  readonly reason: "NoRoom" | "ClaimRetained" | "NodeLeft";
  readonly message: string;
}

export function sizeObstacle(observed: ObservedState, nodes: readonly NodeView[]): SizeObstacle | undefined {
  const ring = latestRing(nodes);
  if (ring === undefined || ring.change !== null) return undefined;
  const placed = placedNodes(observed, nodes, ring);
  return leftInTheMiddle(placed) ?? retainedClaim(observed, ring) ?? noRoom(observed, placed, ring);
}

/** The join or leave that the size asks for, where the nodes' health allows that it begins. */
export function dueChange(observed: ObservedState, nodes: readonly NodeView[]): SizeChange | undefined {
  const ring = latestRing(nodes);
  if (ring === undefined || ring.change !== null) return undefined;
  const placed = placedNodes(observed, nodes, ring);
  return healthObstacle(placed, ring) === undefined ? sizeChange(placed, ring) : undefined;
}

/** The leave that is due, of which somebody has to say what it moves before it may begin. */
export function leaveToPreview(observed: ObservedState, nodes: readonly NodeView[]): SizeChange | undefined {
  const change = dueChange(observed, nodes);
  return change?.type === "leave" ? change : undefined;
}

function placedNodes(
  observed: ObservedState,
  nodes: readonly NodeView[],
  ring: AdminRing,
): readonly Placed[] {
  const shares = zoneShares(observed.cluster);
  return standings(nodes, ring).map((standing) => {
    const share = shares.find(({ statefulSet }) => statefulSet === standing.statefulSet);
    return { ...standing, isWanted: standing.ordinal < (share?.nodes ?? 0) };
  });
}

function cancelled(
  observed: ObservedState,
  placed: readonly Placed[],
  { change, members, hash }: AdminRing,
): Step | undefined {
  if (change?.phase !== "transfer" || !change.changeId.startsWith(OPERATOR_CHANGE)) return undefined;
  const { changeId, type } = change;
  const via = bestConnected(placed, hash);
  const why = whyCancelled(observed, placed, { type, members });
  if (via === undefined || why === undefined) return undefined;
  return { kind: "cancel_change", changeId, via: via.node.pod, why };
}

/**
 * The member that can most likely have something decided: one that is behind, cannot write, or is cut off would try in vain each
 * time.
 */
function bestConnected(placed: readonly Placed[], hash: string): Placed | undefined {
  const rank = ({ node: { report } }: Placed): readonly number[] => [
    Number(report!.ring?.hash === hash),
    Number(report!.status.state === "serving"),
    report!.members.filter(({ reachable }) => reachable).length,
  ];
  const members = placed.filter(({ node, standing }) => standing === "member" && node.report !== undefined);
  return members.toSorted((a, b) => inOrder(rank(b), rank(a)))[0];
}

function inOrder(left: readonly number[], right: readonly number[]): number {
  return left.map((each, index) => each - right[index]!).find((difference) => difference !== 0) ?? 0;
}

/** It is waited for, once the pods are there that it waits for. */
function changeUnderWay(
  observed: ObservedState,
  placed: readonly Placed[],
  { ring, nodes }: Ring,
): Step | undefined {
  if (ring.change === null) return undefined;
  const restored = grownSets(observed, { ring, nodes }, { toSize: false });
  if (restored !== undefined) return restored;
  const { changeId, type, phase } = ring.change;
  const progress = placed
    .flatMap(({ node }) => node.report?.progress ?? [])
    .find((each) => each.changeId === changeId);
  const far = progress === undefined ? "" : `: ${progress.moved} of ${progress.total} copies are complete`;
  const waits = progress === undefined || progress.waitsFor === "" ? "" : `; ${progress.waitsFor}`;
  const message = `${type} ${changeId} is in phase ${phase}${far}${waits}`;
  return { kind: "wait", reason: "ForRingChange", message, afterMs: 1_000 };
}

/** A change that nobody wants any more, or that can never come to its end; undefined where it shall go on. */
function whyCancelled(
  observed: ObservedState,
  placed: readonly Placed[],
  { type, members }: { readonly type: string; readonly members: AdminRing["members"] },
): string | undefined {
  const stateOf = new Map(members.map(({ id, state }) => [id, state]));
  const unwanted = placed.filter(({ id, isWanted }) => {
    const state = stateOf.get(id ?? "");
    return (state === "joining" && !isWanted) || (state === "leaving" && isWanted);
  });
  if (unwanted.length > 0)
    return `the size that is asked for has changed: ${unwanted.map(({ node }) => node.pod).join(", ")} not to ${type} any more`;
  for (const { id, node } of placed) {
    if (stateOf.get(id ?? "") !== "joining" || node.report !== undefined) continue;
    const why = whyLost(observed, node);
    if (why !== undefined) return `${why}: ${node.pod} joins again when it has a fresh one`;
  }
  return undefined;
}

/**
 * A node that has left is done when it keeps nothing that others lack and the ring does not list it as departed any more (else the
 * members would wait for it before they forget what was deleted), which is then noted on its claim.
 */
function handover(placed: readonly Placed[], { departed = [] }: AdminRing): Step | undefined {
  for (const { node, standing, isWanted, id } of placed) {
    const isSurplus = standing === "left" || (standing === "spare" && !isWanted);
    if (!isSurplus) continue;
    const { report } = node;
    const keys = standing === "left" ? report!.keysKept : report!.status.storage.keys;
    const hints = Object.values(report!.status.hints.pending).reduce((sum, count) => sum + count, 0);
    if (keys === undefined || keys + hints > 0) {
      const message = `${node.pod} is no member and hands over ${keys ?? "its"} keys and ${hints} writes that it kept for others`;
      return { kind: "wait", reason: "ForHandover", message, afterMs: 1_000 };
    }
    if (departed.includes(id!)) {
      const message = `${node.pod} has handed everything over, which the members have yet to take note of`;
      return { kind: "wait", reason: "ForHandover", message, afterMs: 1_000 };
    }
    const { claim } = node;
    if (claim !== undefined && notedNode(claim) !== id)
      return { kind: "mark_claim", claim: claim.metadata!.name!, uid: claim.metadata!.uid!, node: id! };
  }
  return undefined;
}

/** Pods of the highest ordinals go, as long as each has handed everything over. */
function shrunkSets({ statefulSets, cluster }: ObservedState, placed: readonly Placed[]): Step | undefined {
  for (const { statefulSet } of zoneShares(cluster)) {
    const set = statefulSets.find(({ metadata }) => metadata?.name === statefulSet);
    const ofSet = placed.filter((each) => each.statefulSet === statefulSet);
    const replicas = set?.spec?.replicas;
    if (set === undefined || replicas === undefined) continue;
    let to = replicas;
    while (to > 0 && isRemovable(ofSet, to - 1)) to--;
    const firstLeft = ofSet.find(({ standing }) => standing === "left")?.ordinal ?? replicas;
    const firstUnwanted = ofSet.find(({ isWanted }) => !isWanted)?.ordinal ?? replicas;
    to = Math.max(to, Math.min(firstLeft, firstUnwanted));
    if (to < replicas) return scaled(set, replicas, to);
  }
  return undefined;
}

function isRemovable(ofSet: readonly Placed[], ordinal: number): boolean {
  const placed = ofSet.find((each) => each.ordinal === ordinal);
  if (placed === undefined) return false;
  const { claim } = placed.node;
  // One that never came up: the size was taken back because of it, perhaps.
  if (placed.standing === "unknown") return !placed.isWanted && !placed.mayKeepCopies;
  if (placed.standing === "member") return false;
  // A spare above a node that has left goes with it, and comes back: it has nothing yet.
  if (placed.standing === "spare" && placed.isWanted) return placed.node.report?.status.storage.keys === 0;
  return claim === undefined || notedNode(claim) === placed.id;
}

interface Ring {
  readonly ring: AdminRing;
  readonly nodes: readonly NodeView[];
}

function unusedClaims(
  { claims, pods, statefulSets, cluster }: ObservedState,
  { ring, nodes }: Ring,
): Step | undefined {
  if (cluster.spec.storage.whenScaled !== "Delete") return undefined;
  const listed = listedPods(ring, nodes);
  for (const claim of claims) {
    const why = whyUnused(claim, ring);
    if (why === undefined || claim.metadata?.deletionTimestamp !== undefined) continue;
    if (!isOfCluster(claim.metadata!.name!, { statefulSets })) continue;
    const pod = claim.metadata!.name!.slice(claimName("").length);
    const isInUse = pods.some(({ metadata }) => metadata?.name === pod) || isAskedFor(pod, statefulSets);
    if (isInUse || listed.includes(pod)) continue;
    const { name, uid, resourceVersion } = claim.metadata!;
    return { kind: "delete_claim", claim: name!, uid: uid!, resourceVersion: resourceVersion!, why };
  }
  return undefined;
}

/**
 * A StatefulSet has a pod for each node that is wanted, for each member and for each node that has left and hands over: also those
 * that somebody scaled away.
 */
function grownSets(
  { statefulSets, claims, cluster }: ObservedState,
  { ring, nodes }: Ring,
  { toSize }: { readonly toSize: boolean },
): Step | undefined {
  const needed = neededPods(claims, { ring, nodes });
  for (const share of zoneShares(cluster)) {
    const set = statefulSets.find(({ metadata }) => metadata?.name === share.statefulSet);
    const replicas = set?.spec?.replicas;
    if (set === undefined || replicas === undefined) continue;
    const wanted = Math.max(toSize ? share.nodes : 0, highestOrdinal(share, needed) + 1);
    let to = replicas;
    // A name whose claim is of a node that has left is not used again before that claim is gone.
    while (to < wanted && claimLeftAt(share, to, { claims, ring }) === undefined) to++;
    if (to > replicas) return scaled(set, replicas, to);
  }
  return undefined;
}

/**
 * Pods whose nodes the ring counts on. One that has left is brought back to the volume from which it hands over, and to no other.
 * Where nobody knows where one of either kind is, and no silent pod is left for it, any volume may be its.
 */
function neededPods(claims: readonly V1PersistentVolumeClaim[], { ring, nodes }: Ring): readonly string[] {
  const heard = (ids: readonly string[]): readonly string[] => ids.flatMap((id) => podsHeardOf(nodes, id));
  const silent = silentListed(ring, nodes);
  const members = silent.filter((id) => ring.members.some((member) => member.id === id));
  const departed = silent.filter((id) => !members.includes(id));
  const volumes = claims
    .filter((claim) => !isUnbound(claim) && !isOfLeft(claim, ring))
    .map((claim) => claim.metadata!.name!.slice(claimName("").length));
  const unheard = silent.filter((id) => podsHeardOf(nodes, id).length === 0);
  const places = nodes.filter(({ pod, report }) => report === undefined && !heard(silent).includes(pod));
  const ofDeparted = heard(departed).filter((pod) => volumes.includes(pod));
  return [...heard(members), ...ofDeparted, ...(unheard.length > places.length ? volumes : [])];
}

function beginning(observed: ObservedState, placed: readonly Placed[], ring: AdminRing): Step | undefined {
  const change = sizeChange(placed, ring);
  if (change === undefined || healthObstacle(placed, ring) !== undefined) return undefined;
  if (change.type === "leave") {
    const { preview } = observed;
    if (preview === undefined || roomObstacle(placed, preview) !== undefined) return undefined;
  }
  return { kind: "begin_change", changeId: changeIdOf(change), ...change };
}

/** Once nothing is lost with its volume: until then its handover is waited for. */
function leftInTheMiddle(placed: readonly Placed[]): SizeObstacle | undefined {
  const left = placed.find(
    (each) =>
      each.standing === "left" &&
      (each.node.claim === undefined || notedNode(each.node.claim) === each.id) &&
      placed.some(
        (other) =>
          other.statefulSet === each.statefulSet &&
          other.ordinal > each.ordinal &&
          other.standing === "member",
      ),
  );
  if (left === undefined) return undefined;
  const { pod } = left.node;
  const message = `${pod} has left the ring by hand, and its size asks for it: give it a fresh volume with \`kubectl delete pvc/data-${pod} pod/${pod} --wait=false\``;
  return { reason: "NodeLeft", message };
}

function retainedClaim(
  { claims, statefulSets, cluster }: ObservedState,
  ring: AdminRing,
): SizeObstacle | undefined {
  if (cluster.spec.storage.whenScaled === "Delete") return undefined;
  for (const share of zoneShares(cluster)) {
    const set = statefulSets.find(({ metadata }) => metadata?.name === share.statefulSet);
    for (let ordinal = set?.spec?.replicas ?? share.nodes; ordinal < share.nodes; ordinal++) {
      const claim = claimLeftAt(share, ordinal, { claims, ring });
      if (claim === undefined) continue;
      const name = claim.metadata!.name!;
      const message = `claim ${name} was kept when its node left, and a new node needs the name: \`kubectl delete pvc/${name}\` (all that it has was handed over), or set storage.whenScaled: Delete`;
      return { reason: "ClaimRetained", message };
    }
  }
  return undefined;
}

function noRoom(
  { preview }: ObservedState,
  placed: readonly Placed[],
  ring: AdminRing,
): SizeObstacle | undefined {
  if (preview === undefined || sizeChange(placed, ring)?.type !== "leave") return undefined;
  const message = roomObstacle(placed, preview);
  return message === undefined ? undefined : { reason: "NoRoom", message };
}

/** Pods at which a silent node was that the ring lists. Whoever answers is where it answers, whatever others remember. */
function listedPods(ring: AdminRing, nodes: readonly NodeView[]): readonly string[] {
  return silentListed(ring, nodes).flatMap((id) => podsHeardOf(nodes, id));
}

/** Members, and nodes that have left and may keep something yet. */
function silentListed({ members, departed = [] }: AdminRing, nodes: readonly NodeView[]): readonly string[] {
  const answering = answeringIds(nodes);
  return [...members.map(({ id }) => id), ...departed].filter((id) => !answering.has(id));
}

/** -1 where there is none. */
function highestOrdinal({ statefulSet }: ZoneShare, pods: readonly string[]): number {
  const ordinals = pods.flatMap((pod) => {
    const ordinal = pod.startsWith(`${statefulSet}-`) ? pod.slice(statefulSet.length + 1) : "";
    return /^\d+$/.test(ordinal) ? [Number(ordinal)] : [];
  });
  return Math.max(-1, ...ordinals);
}

function claimLeftAt(
  { statefulSet }: ZoneShare,
  ordinal: number,
  { claims, ring }: { readonly claims: readonly V1PersistentVolumeClaim[]; readonly ring: AdminRing },
): V1PersistentVolumeClaim | undefined {
  return claims.find(
    (claim) => claim.metadata?.name === claimName(`${statefulSet}-${ordinal}`) && isOfLeft(claim, ring),
  );
}

/** Where neither a pod nor a member uses it; undefined where it may hold what is in use. */
function whyUnused(claim: V1PersistentVolumeClaim, ring: AdminRing): string | undefined {
  if (isOfLeft(claim, ring)) return "its node has left and handed everything over";
  return isUnbound(claim) ? "its pod never came up" : undefined;
}

function isAskedFor(pod: string, statefulSets: readonly V1StatefulSet[]): boolean {
  return statefulSets.some(({ metadata, spec }) =>
    Array.from({ length: spec?.replicas ?? 0 }, (_, ordinal) => `${metadata!.name}-${ordinal}`).includes(pod),
  );
}

function scaled({ metadata }: V1StatefulSet, from: number, to: number): Step {
  const { name, uid, resourceVersion } = metadata!;
  return {
    kind: "scale_stateful_set",
    name: name!,
    uid: uid!,
    resourceVersion: resourceVersion ?? "",
    from,
    to,
  };
}
