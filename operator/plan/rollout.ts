import type { V1StatefulSet } from "@kubernetes/client-node";
import type { ObservedState } from "../observe/observed-state.ts";
import { type NodeView, whyUnwell } from "../observe/node-view.ts";
import { TEMPLATE_HASH } from "../api/v1alpha1/annotations.ts";
import { coOwnersOf } from "../observe/preference-lists.ts";
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

/** Every co-owner of the node that started last must have compared its keys with it since. */
function unequalTo(nodes: readonly NodeView[]): string | undefined {
  const ageSeconds = Math.min(...nodes.map(({ report }) => report!.status.uptimeSeconds));
  const youngest = nodes.find(({ report }) => report!.status.uptimeSeconds === ageSeconds)!;
  const id = youngest.report!.status.node.id;
  const ring = latestRing(nodes);
  const coOwners = ring === undefined ? new Set<string>() : coOwnersOf(id, ring);
  for (const { pod, report } of nodes) {
    if (!coOwners.has(report!.status.node.id)) continue;
    const exchange = report!.status.antiEntropy.lastExchange[id];
    const isEqual =
      exchange !== undefined && exchange.outcome !== "failed" && exchange.agoMs < ageSeconds * 1_000;
    if (!isEqual)
      return `${youngest.pod} started ${ageSeconds} s ago and has yet to compare its keys with ${pod}`;
  }
  return undefined;
}

function restart({ pod, object }: NodeView, how: "evict" | "delete", why: string): Step {
  const { uid, resourceVersion } = object!.metadata!;
  return { kind: "restart_pod", pod, uid: uid!, resourceVersion: resourceVersion!, how, why };
}
