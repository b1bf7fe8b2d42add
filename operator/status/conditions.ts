import type { ClusterCondition } from "../api/v1alpha1/dynamo-cluster.ts";
import type { Facts } from "./facts.ts";
import { whyUnwell } from "../observe/node-view.ts";
import { isServing } from "./facts.ts";
import { missingSets } from "../plan/existing-pods.ts";
import { quorumState } from "./quorum.ts";

/**
 * The aspects of a cluster's state, each a pure function of the same facts. Reasons are words for programs, messages
 * sentences for people; docs/OPERATOR.md lists them with their remedies.
 */
export type ConditionType =
  | "Ready"
  | "Available"
  | "Progressing"
  | "Degraded"
  | "RingFormed"
  | "VolumesResized"
  | "SizeAsAsked"
  | "ZonesUnbalanced"
  | "QuorumsOverlap"
  | "RequiresUpdate"
  | "Paused"
  | "Reconciled";

export interface Judgement {
  readonly type: ConditionType;
  readonly status: ClusterCondition["status"];
  readonly reason: string;
  readonly message: string;
}

export function judge(facts: Facts): readonly Judgement[] {
  const all = [
    available(facts),
    progressing(facts),
    degraded(facts),
    ringFormed(facts),
    volumesResized(facts),
    sizeAsAsked(facts),
    zonesUnbalanced(facts),
    quorumsOverlap(facts),
    requiresUpdate(facts),
    paused(facts),
    reconciled(facts),
  ];
  return [ready(facts, all), ...all];
}

/** Everything that was asked for is there: what `kubectl wait --for=condition=Ready` waits for. */
function ready(facts: Facts, others: readonly Judgement[]): Judgement {
  const unready = facts.serving.find((node) => !node.isReady || !isServing(node));
  if (facts.ring === undefined) return no("Ready", "NoRing", messageOf(others, "RingFormed"));
  if (unready !== undefined) {
    return no("Ready", "NodesNotReady", `${unready.pod}: ${whyUnwell(unready)}`);
  }
  const blocking = others.find(
    ({ type, status }) =>
      ((type === "Available" || type === "SizeAsAsked" || type === "Reconciled") && status === "False") ||
      (type === "Degraded" && status === "True"),
  );
  if (blocking !== undefined) return no("Ready", blocking.reason, blocking.message);
  return yes("Ready", "AllNodesServe", `all ${facts.nodes.length} nodes serve`);
}

function available(facts: Facts): Judgement {
  if (facts.ring === undefined) return no("Available", "NoRing", "the cluster has no ring yet");
  const { held, partitionsWithout, serving } = quorumState(facts);
  if (held) return yes("Available", "QuorumHeld", `every key has a quorum; ${serving} nodes serve`);
  const message = `${partitionsWithout} of ${facts.ring.parameters.partitions} partitions have fewer than R owners that serve; ${serving} nodes serve: bring the missing ones back`;
  return no("Available", "QuorumLost", message);
}

function progressing({ step, outdated }: Facts): Judgement {
  switch (step.kind) {
    case "none":
      return no("Progressing", "Idle", "nothing is under way");
    case "wait":
      if (step.reason === "Paused") return no("Progressing", "Paused", step.message);
      return yes(
        "Progressing",
        outdated.length > 0 ? "RollingUpdate" : `Waiting${step.reason}`,
        step.message,
      );
    case "form_ring":
      return yes("Progressing", "FormingRing", `forming the ring of ${step.members.length} nodes`);
    case "adopt_identity":
      return yes(
        "Progressing",
        "NodeReturning",
        `${step.pod} lost its volume and takes its place again as ${step.id}`,
      );
    case "restart_pod":
      return yes(
        "Progressing",
        "RollingUpdate",
        `replacing ${step.pod}: ${step.why}; ${outdated.length} to go`,
      );
    case "grow_claim":
      return yes("Progressing", "VolumeResizing", `asking for ${step.size} for ${step.claim}`);
    case "replace_stateful_set":
      return yes(
        "Progressing",
        "VolumeResizing",
        `replacing StatefulSet ${step.name}, its pods stay: ${step.why}`,
      );
    case "begin_change": {
      const doing = `${step.pods.join(", ")} ${step.type === "join" ? "join" : "leave"} the ring`;
      return yes("Progressing", "SizeChanging", doing);
    }
    case "cancel_change":
      return yes("Progressing", "SizeChanging", `taking back ${step.changeId}: ${step.why}`);
    case "mark_claim":
      return yes("Progressing", "SizeChanging", `${step.claim}: its node has handed everything over`);
    case "scale_stateful_set":
      return yes(
        "Progressing",
        "SizeChanging",
        `StatefulSet ${step.name} gets ${step.to} pods, not ${step.from}`,
      );
    case "replace_volume":
      return yes("Progressing", "VolumeReplacing", `${step.pod} gets a fresh volume: ${step.why}`);
    case "delete_claim":
      return yes("Progressing", "SizeChanging", `deleting ${step.claim}: ${step.why}`);
  }
}

function degraded(facts: Facts): Judgement {
  if (facts.conflict !== undefined) return yes("Degraded", "RingConflict", facts.conflict);
  if (facts.ring === undefined) return no("Degraded", "NotFormed", "the cluster has no ring yet");
  const impaired = facts.serving.filter((node) => !isServing(node));
  const missing = membersMissing(facts);
  if (impaired.length === 0 && missing !== undefined) return yes("Degraded", "MembersMissing", missing);
  if (impaired.length === 0) return no("Degraded", "AllNodesServe", "all nodes serve");
  const first = impaired[0]!;
  const message = `${impaired.length} of ${facts.serving.length} nodes do not serve; ${first.pod}: ${whyUnwell(first)}`;
  return yes("Degraded", "NodesDown", message);
}

/** Members that nobody knows at any pod, though every node that may be read serves. A change that replaces them is under way at times. */
function membersMissing({ observed, ring, memberPods, step }: Facts): string | undefined {
  if (ring === undefined || ring.change !== null || missingSets(observed).length > 0) return undefined;
  const missing = ring.members.length - memberPods.size;
  if (missing <= 0) return undefined;
  const remedy =
    step.kind === "adopt_identity"
      ? `${step.pod} takes its place again`
      : step.kind === "wait" && step.reason === "ForNodes"
        ? step.message
        : "bring them back, or where their volumes are lost for good give each one's place to a new node (`dynamokv ring replace`)";
  return `${missing} of ${ring.members.length} members have no pod: ${remedy}`;
}

function ringFormed({ ring, step }: Facts): Judgement {
  if (ring !== undefined) {
    return yes("RingFormed", "Formed", `epoch ${ring.epoch} with ${ring.members.length} members`);
  }
  return no("RingFormed", "Waiting", step.kind === "wait" ? step.message : "the ring is being formed");
}

function volumesResized({ growing, observed }: Facts): Judgement {
  if (growing.length === 0)
    return yes("VolumesResized", "AsAsked", "all volumes have the size that was asked for");
  const message = `${growing.join(", ")}: not yet ${observed.cluster.spec.storage.size}; see \`kubectl describe pvc ${growing[0]}\``;
  return no("VolumesResized", "Resizing", message);
}

function sizeAsAsked({ observed, ring, nodes, sizeObstacle, step }: Facts): Judgement {
  const { size } = observed.cluster.spec;
  if (sizeObstacle !== undefined) return no("SizeAsAsked", sizeObstacle.reason, sizeObstacle.message);
  const members = ring?.members.length ?? nodes.length;
  const isSettled = ring === undefined || (ring.change === null && nodes.length === size);
  if (members === 0 || (members === size && isSettled)) return yes("SizeAsAsked", "AsAsked", `${size} nodes`);
  const waits = step.kind === "wait" ? `: ${step.message}` : "";
  return no("SizeAsAsked", "Changing", `the ring has ${members} members and size asks for ${size}${waits}`);
}

/** A choice, not a fault: it stands against nothing. */
function zonesUnbalanced({ observed, ring }: Facts): Judgement {
  const { zones } = observed.cluster.spec;
  if (zones === undefined || ring === undefined)
    return no("ZonesUnbalanced", "NoZones", "the cluster names no zones, or has no ring yet");
  const counts = zones.map((zone) => ring.members.filter((member) => member.zone === zone).length);
  if (Math.min(...counts) === Math.max(...counts))
    return no("ZonesUnbalanced", "Balanced", `each zone has ${counts[0]} nodes`);
  const shares = zones.map((zone, index) => `${zone} ${counts[index]}`).join(", ");
  const message = `nodes in the zones: ${shares}; those of a zone with fewer keep more each: choose a size that ${zones.length} zones divide`;
  return yes("ZonesUnbalanced", "UnequalZones", message);
}

/** A choice, not a fault: it stands against nothing. */
function quorumsOverlap({ observed }: Facts): Judgement {
  const { factor: n, readQuorum: r, writeQuorum: w } = observed.cluster.spec.replication;
  if (r + w > n) return yes("QuorumsOverlap", "Overlap", `R + W = ${r + w} is more than N = ${n}`);
  const message = `R + W = ${r + w} is not more than N = ${n}: a read may miss the latest write; raise readQuorum or writeQuorum unless you want that`;
  return no("QuorumsOverlap", "ReadsMayBeStale", message);
}

function requiresUpdate({ heldBack }: Facts): Judgement {
  if (heldBack.length === 0)
    return no("RequiresUpdate", "UpToDate", "the nodes' pods are as this operator makes them");
  const message =
    "this version of the operator makes the nodes' pods differently: they change with the next change of the spec, or at once with updatePolicy: Automatic";
  return yes("RequiresUpdate", "OperatorChanged", message);
}

function paused({ paused: isPaused }: Facts): Judgement {
  if (isPaused)
    return yes(
      "Paused",
      "Asked",
      "the operator changes nothing: spec.paused or annotation dynamokv.io/paused",
    );
  return no("Paused", "NotAsked", "the operator is at work");
}

function reconciled({ failure }: Facts): Judgement {
  if (failure === undefined) return yes("Reconciled", "Applied", "everything that was asked for is applied");
  return no("Reconciled", failure.reason, failure.message);
}

function messageOf(judgements: readonly Judgement[], type: ConditionType): string {
  return judgements.find((judgement) => judgement.type === type)?.message ?? "";
}

function yes(type: ConditionType, reason: string, message: string): Judgement {
  return { type, status: "True", reason, message };
}

function no(type: ConditionType, reason: string, message: string): Judgement {
  return { type, status: "False", reason, message };
}
