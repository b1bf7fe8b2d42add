import { LOST_CLAIM } from "../api/v1alpha1/annotations.ts";
import { latestRing } from "../observe/latest-ring.ts";
import { podAt, standings } from "../observe/node-standing.ts";
import type { NodeView } from "../observe/node-view.ts";
import { whyUnwell } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import type { Step } from "./step.ts";

/**
 * A node whose volume is lost with its host gets a fresh one: its pod, which can be scheduled nowhere, comes back empty. Where it is a member it
 * takes its place again (identity.ts) and is filled by its co-owners; where it is none it is a spare, as one that is new. Only where a volume can live on hosts alone that Kubernetes
 * does not know any more, or where a person noted on the claim that it is lost; and only where nothing can be lost by it: the node
 * does not answer, all others serve the same ring, every key has another copy, and no ring change is under way. One at a time.
 */
export function lostVolumeStep(observed: ObservedState, nodes: readonly NodeView[]): Step | undefined {
  const lost = nodes.find((node) => node.report === undefined && whyLost(observed, node) !== undefined);
  const ring = latestRing(nodes);
  // A change that waits for this very node is taken back first (plan/size.ts).
  if (lost?.claim === undefined || ring === undefined || ring.change !== null) return undefined;
  const why = whyLost(observed, lost)!;
  const isGoing = lost.claim.metadata?.deletionTimestamp !== undefined;
  if (isGoing && (lost.object === undefined || lost.isTerminating)) return undefined;
  const obstacle = obstacleTo(lost, { observed, nodes, ring });
  if (obstacle !== undefined) {
    const message = `${lost.pod}: ${why}; it gets a fresh one once ${obstacle}`;
    return { kind: "wait", reason: "ForNodes", message, afterMs: 2_000 };
  }
  const { name, uid } = lost.claim.metadata!;
  const podUid = lost.object?.metadata?.uid;
  return { kind: "replace_volume", pod: lost.pod, podUid, claim: name!, claimUid: uid!, why };
}

/** Undefined where it is not lost. */
export function whyLost({ lostClaims = [] }: ObservedState, { claim }: NodeView): string | undefined {
  const name = claim?.metadata?.name;
  if (name === undefined) return undefined;
  if (claim?.metadata?.annotations?.[LOST_CLAIM] === "true") return `${name} is noted as lost`;
  return lostClaims.includes(name) ? `the volume of ${name} is lost with its host` : undefined;
}

/** As the end of a sentence; undefined where nothing speaks against it. */
function obstacleTo(
  lost: NodeView,
  {
    observed,
    nodes,
    ring,
  }: {
    observed: ObservedState;
    nodes: readonly NodeView[];
    ring: NonNullable<ReturnType<typeof latestRing>>;
  },
): string | undefined {
  if (observed.cluster.spec.replication.factor < 2)
    return "a person deletes its claim: there is no other copy of what it had";
  const placed = standings(nodes, ring);
  for (const { node, standing } of placed) {
    if (node === lost || standing !== "member") continue;
    if (node.report?.status.state !== "serving") return `${node.pod} serves: ${whyUnwell(node)}`;
    if (node.report.ring!.hash !== ring.hash) return `${node.pod} has taken over epoch ${ring.epoch}`;
    if (node.report.members.some((other) => other.reachable && podAt(other) === lost.pod))
      return `${node.pod} does not reach the old node any more`;
  }
  // As many as there are: then one that is lost, and known as no member, is none.
  const members = placed.filter(({ standing }) => standing === "member").length;
  return members < ring.members.length ? `all ${ring.members.length} members have a pod` : undefined;
}
