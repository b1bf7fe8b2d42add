import type { V1StatefulSet } from "@kubernetes/client-node";
import type { ObservedState } from "../observe/observed-state.ts";
import { type NodeView, whyUnwell } from "../observe/node-view.ts";
import { TEMPLATE_HASH } from "../api/v1alpha1/annotations.ts";
import { coOwnersIn } from "../observe/preference-lists.ts";
import { latestRing } from "../observe/latest-ring.ts";
import type { Step } from "./step.ts";

/**
 * Pods give way to a new template one after the other. Broken ones first and without waiting: they serve nobody, and
 * waiting for them to become healthy would wedge the rollout that is meant to mend them. A healthy one only when all
 * others serve, agree about the ring, keep no hint for anybody, and are level with their co-owners: so that at no
 * moment a key has fewer copies within reach than one pod's absence costs.
 */
export function rolloutStep(observed: ObservedState, nodes: readonly NodeView[]): Step | undefined {
  const outdated = outdatedNodes(observed, nodes);
  if (outdated.length === 0) return undefined;
  if (nodes.length === 1) return restart(outdated[0]!, "delete", "its template is out of date");
  const obstacle = obstacleTo(nodes);
  if (obstacle !== undefined)
    return { kind: "wait", reason: "ForConvergence", message: obstacle, afterMs: 1_000 };
  return restart(outdated[0]!, "evict", "its template is out of date");
}

/** Broken pods of an old template: they come before all that waits for them, a change of the ring too. */
export function brokenPodStep(observed: ObservedState, nodes: readonly NodeView[]): Step | undefined {
  const broken = outdatedNodes(observed, nodes).find(({ isReady }) => !isReady);
  if (broken === undefined) return undefined;
  return restart(broken, "delete", "it is not ready and its template is out of date");
}

function outdatedNodes(observed: ObservedState, nodes: readonly NodeView[]): readonly NodeView[] {
  return nodes.filter((node) => isOutdated(node, observed.statefulSets) && !node.isTerminating);
}

/** Nodes whose pods are not as their StatefulSet would make them now. */
export function isOutdated({ object }: NodeView, statefulSets: readonly V1StatefulSet[]): boolean {
  if (object === undefined) return false;
  const set = statefulSets.find(({ metadata }) =>
    object.metadata?.ownerReferences?.some(({ uid }) => uid === metadata?.uid),
  );
  const wanted = set?.spec?.template.metadata?.annotations?.[TEMPLATE_HASH];
  return wanted !== undefined && object.metadata?.annotations?.[TEMPLATE_HASH] !== wanted;
}

/** Why no healthy pod may be taken away now, as a sentence; undefined where nothing speaks against it. */
export function obstacleTo(nodes: readonly NodeView[]): string | undefined {
  for (const node of nodes) {
    const { pod, isTerminating, isReady, report, silence } = node;
    if (isTerminating || node.object === undefined) return `${pod} is being replaced`;
    if (!isReady) return `${pod} is not ready: ${whyUnwell(node)}`;
    if (report === undefined) return `${pod} does not answer: ${silence}`;
    if (report.status.state !== "serving") return `${pod} is ${report.status.state}`;
  }
  const hashes = new Set(nodes.map(({ report }) => report!.status.ring.hash));
  if (hashes.size > 1) return "the nodes do not serve the same ring yet";
  for (const { pod, report } of nodes) {
    const pending = Object.values(report!.status.hints.pending).reduce((sum, count) => sum + count, 0);
    if (pending > 0) return `${pod} still hands over ${pending} writes that it kept for others`;
  }
  return unequalTo(nodes);
}

/**
 * Each node must have been compared with every co-owner that was there when it started, since then, as that one tells. Of two that
 * started in the same second either may tell. Its own word would be too early elsewhere: it is level when the others say so.
 */
function unequalTo(nodes: readonly NodeView[]): string | undefined {
  const ring = latestRing(nodes);
  if (ring === undefined) return undefined;
  const coOwners = coOwnersIn(ring);
  for (const node of nodes) {
    const seconds = uptimeOf(node);
    const older = nodes.filter(
      (other) => coOwners.get(idOf(node))?.has(idOf(other)) === true && uptimeOf(other) >= seconds,
    );
    for (const other of older) {
      const isTold =
        isComparedSince(node, other) || (uptimeOf(other) === seconds && isComparedSince(other, node));
      if (!isTold)
        return `${node.pod} started ${seconds} s ago and has yet to compare its keys with ${other.pod}`;
    }
  }
  return undefined;
}

/** Whether `teller` says so, of the time since `node` started. */
function isComparedSince(node: NodeView, teller: NodeView): boolean {
  const exchange = teller.report!.status.antiEntropy.lastExchange[idOf(node)];
  return exchange !== undefined && exchange.outcome !== "failed" && exchange.agoMs < uptimeOf(node) * 1_000;
}

function uptimeOf({ report }: NodeView): number {
  return report!.status.uptimeSeconds;
}

function idOf({ report }: NodeView): string {
  return report!.status.node.id;
}

function restart({ pod, object }: NodeView, how: "evict" | "delete", why: string): Step {
  const { uid, resourceVersion } = object!.metadata!;
  return { kind: "restart_pod", pod, uid: uid!, resourceVersion: resourceVersion!, how, why };
}
