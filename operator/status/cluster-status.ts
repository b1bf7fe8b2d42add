import { CLIENT_PORT } from "../../node/contract/pod-contract.ts";
import type { ClusterCondition, DynamoClusterStatus, NodeStatus } from "../api/v1alpha1/dynamo-cluster.ts";
import { ZONE_LABEL } from "../api/v1alpha1/annotations.ts";
import { clientServiceName } from "../desired/names.ts";
import { isRunning } from "../observe/node-view.ts";
import { selectorText } from "../desired/labels.ts";
import { volumeSize } from "../plan/volumes.ts";
import { isServing, type Facts } from "./facts.ts";
import { judge, type Judgement } from "./conditions.ts";

/** The whole status, made anew from the facts; of the old one only the times of unchanged conditions are kept. */
export function clusterStatus(facts: Facts): DynamoClusterStatus {
  const { cluster } = facts.observed;
  const judgements = judge(facts);
  const { factor: n, readQuorum: r, writeQuorum: w } = cluster.spec.replication;
  const { ring, nodes } = facts;
  const reached = volumeSize(facts.observed);
  const versions = [...new Set(nodes.flatMap(({ report }) => report?.status.node.version ?? []))].sort();
  return {
    observedGeneration: cluster.metadata.generation,
    phase: phaseOf(facts, judgements),
    message: messageFor(facts, judgements),
    clusterId: ring?.clusterId ?? "",
    size: nodes.length,
    readyNodes: nodes.filter((node) => node.isReady && isServing(node)).length,
    selector: selectorText(cluster),
    quorum: `${n}/${r}/${w}`,
    version: versions.join(","),
    ...(reached === undefined ? {} : { volumeSize: reached }),
    endpoint: `http://${clientServiceName(cluster)}.${cluster.metadata.namespace}.svc:${CLIENT_PORT}`,
    ring: { epoch: ring?.epoch ?? 0, hash: ring?.hash ?? "", members: ring?.members.length ?? 0 },
    ...operationOf(facts),
    nodes: nodes.map((node) => nodeStatus(node, facts)),
    conditions: judgements.map((judgement) => conditionOf(judgement, facts)),
  };
}

export type Phase =
  | "Pending"
  | "Forming"
  | "Starting"
  | "Ready"
  | "Updating"
  | "Scaling"
  | "Degraded"
  | "Unavailable"
  | "Paused";

/** One word for the table of `kubectl get`; the conditions say more. */
function phaseOf(facts: Facts, judgements: readonly Judgement[]): Phase {
  const holds = (type: Judgement["type"]): boolean =>
    judgements.some((judgement) => judgement.type === type && judgement.status === "True");
  if (facts.paused) return "Paused";
  // By the pods, not by the answers: a node that misses one must not look like one that is yet to be made.
  if (facts.ring === undefined)
    return facts.nodes.length > 0 && facts.nodes.every(isRunning) ? "Forming" : "Pending";
  if (!holds("Available")) return "Unavailable";
  if (facts.outdated.length > 0 || facts.nodes.some(({ isTerminating }) => isTerminating)) return "Updating";
  if (holds("Ready")) return "Ready";
  if (!holds("SizeAsAsked") && !holds("Degraded")) return "Scaling";
  return !holds("Degraded") && facts.nodes.some(({ isReady }) => !isReady) ? "Starting" : "Degraded";
}

function messageFor({ outdated, sizeObstacle }: Facts, judgements: readonly Judgement[]): string {
  const progressing = judgements.find(({ type, status }) => type === "Progressing" && status === "True");
  // During a rollout one node is always missing: what the rollout waits for says more.
  if (outdated.length > 0 && progressing !== undefined) return progressing.message;
  const worth = judgements.find(
    ({ type, status }) =>
      (type === "Degraded" && status === "True") || (type === "Reconciled" && status === "False"),
  );
  // What a person has to do comes before what the operator waits for.
  return (worth ?? sizeObstacle ?? progressing ?? judgements[0]!).message;
}

function operationOf({ step, outdated, ring, nodes }: Facts): Pick<DynamoClusterStatus, "operation"> {
  switch (step.kind) {
    case "restart_pod":
      return { operation: { type: "Rollout", node: step.pod, message: `${outdated.length} to go` } };
    case "wait":
      return waitingOperation(step, { ring, nodes });
    case "form_ring":
      return { operation: { type: "Formation", node: step.via } };
    case "adopt_identity":
      return { operation: { type: "Return", node: step.pod } };
    case "grow_claim":
    case "replace_stateful_set":
      return { operation: { type: "VolumeResize" } };
    case "begin_change":
      return { operation: { ...sizeOperation(step.type), node: step.pods[0]!, phase: "begin" } };
    case "cancel_change":
      return { operation: { type: "Cancel", message: step.why, phase: "cancel" } };
    case "replace_volume":
      return { operation: { type: "Return", node: step.pod, phase: "volume", message: step.why } };
    case "mark_claim":
    case "delete_claim":
      return { operation: { type: "ScaleDown", phase: "volume", message: step.claim } };
    case "scale_stateful_set": {
      const type = step.to > step.from ? "ScaleUp" : "ScaleDown";
      return { operation: { type, phase: "pods", message: `${step.name}: ${step.to} pods` } };
    }
    case "none":
      return {};
  }
}

function waitingOperation(
  { reason, message }: Extract<Facts["step"], { kind: "wait" }>,
  { ring, nodes }: Pick<Facts, "ring" | "nodes">,
): Pick<DynamoClusterStatus, "operation"> {
  if (reason === "ForConvergence") return { operation: { type: "Rollout", message } };
  if (reason === "ForHandover") return { operation: { type: "ScaleDown", phase: "handover", message } };
  if (reason !== "ForRingChange" || ring === undefined || ring.change === null) return {};
  const { type, phase } = ring.change;
  const changing = ring.members.find(({ state }) => state !== "active")?.id;
  const node = nodes.find(({ report }) => report?.status.node.id === changing)?.pod;
  return { operation: { ...sizeOperation(type), phase, message, ...(node === undefined ? {} : { node }) } };
}

function sizeOperation(change: string): { readonly type: string } {
  return { type: change === "join" ? "ScaleUp" : change === "leave" ? "ScaleDown" : "Replace" };
}

function nodeStatus(node: Facts["nodes"][number], { memberPods, outdated }: Facts): NodeStatus {
  const { pod, report, object, isReady, silence } = node;
  const id = report?.status.node.id;
  const pending = Object.values(report?.status.hints.pending ?? {}).reduce((sum, count) => sum + count, 0);
  return {
    pod,
    ...(id === undefined ? {} : { id }),
    zone: object?.metadata?.labels?.[ZONE_LABEL] ?? "",
    ...(object?.spec?.nodeName === undefined ? {} : { host: object.spec.nodeName }),
    state: report?.status.state ?? silence,
    ready: isReady,
    member: memberPods.has(pod),
    ...(report === undefined ? {} : { version: report.status.node.version, hintsPending: pending }),
    upToDate: !outdated.includes(node),
  };
}

function conditionOf(judgement: Judgement, { observed }: Facts): ClusterCondition {
  const { type, status, reason, message } = judgement;
  const before = observed.cluster.status?.conditions?.find((condition) => condition.type === type);
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : observed.now;
  return {
    type,
    status,
    reason,
    message,
    lastTransitionTime,
    observedGeneration: observed.cluster.metadata.generation,
  };
}
