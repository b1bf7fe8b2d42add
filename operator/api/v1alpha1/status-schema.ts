import type { Schema } from "./schema-type.ts";

/** What the operator reports. It is rebuilt from the nodes and the ring at every pass; nothing is decided by it. */

const text = (description: string) => ({ type: "string", description }) as const satisfies Schema;
const count = (description: string) =>
  ({ type: "integer", description, minimum: 0 }) as const satisfies Schema;

const condition = {
  type: "object",
  description: "One aspect of the cluster's state.",
  required: ["type", "status", "reason", "message", "lastTransitionTime"],
  properties: {
    type: { type: "string", description: "Which aspect.", maxLength: 316 },
    status: { type: "string", description: "Whether it holds.", enum: ["True", "False", "Unknown"] },
    observedGeneration: count("The spec that it was judged by."),
    lastTransitionTime: { type: "string", description: "When the status changed last.", format: "date-time" },
    reason: { type: "string", description: "Why, as one word.", maxLength: 1_024, minLength: 1 },
    message: { type: "string", description: "Why, and what to do, as a sentence.", maxLength: 32_768 },
  },
} as const satisfies Schema;

const node = {
  type: "object",
  description: "One node and its pod.",
  required: ["pod", "state", "ready"],
  properties: {
    pod: text("Name of its pod."),
    id: text("Its id: a UUID kept on its volume."),
    zone: text("Its zone."),
    host: text("The Kubernetes host that its pod runs on."),
    state: text("What the node says of itself, or why it cannot be asked."),
    ready: { type: "boolean", description: "Whether clients are sent to it." },
    member: { type: "boolean", description: "Whether it is a member of the ring." },
    version: text("Software version."),
    hintsPending: count("Writes that it keeps for other nodes."),
    upToDate: { type: "boolean", description: "Whether its pod is as the spec wants it." },
  },
} as const satisfies Schema;

export const statusSchema = {
  type: "object",
  description: "What the cluster is.",
  properties: {
    observedGeneration: count("The spec that this was judged by."),
    phase: text("The conditions in one word."),
    message: text("What goes on, as a sentence."),
    clusterId: text("Identity of the ring; fixed at formation."),
    size: count(
      "Pods that there shall be now: while the size changes, more than what is asked for, or fewer.",
    ),
    readyNodes: count("Nodes that serve."),
    selector: text("Label selector of the pods, for the scale subresource."),
    quorum: text("N/R/W."),
    version: text("Software version of the nodes; several while they are updated."),
    volumeSize: {
      type: "string",
      description: "Size that the largest volume has reached.",
      maxLength: 32,
    },
    endpoint: text("Where clients inside the cluster connect."),
    ring: {
      type: "object",
      description: "The ring that the nodes serve.",
      properties: {
        epoch: count("Its number; 0 where there is none yet."),
        hash: text("Digest of the ring document."),
        members: count("Its members."),
      },
    },
    operation: {
      type: "object",
      description: "What the operator is in the middle of.",
      required: ["type"],
      properties: {
        type: text("Formation, Rollout, ScaleUp, ScaleDown, Replace, Cancel, Return or VolumeResize."),
        node: text("The pod that it is about."),
        phase: text("Where in it: for example transfer, flipped, handover, pods, volume."),
        message: text("How far it is."),
      },
    },
    nodes: {
      type: "array",
      description: "The nodes, by pod.",
      maxItems: 200,
      items: node,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["pod"],
    },
    conditions: {
      type: "array",
      description: "The aspects of the cluster's state.",
      maxItems: 32,
      items: condition,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
    },
  },
} as const satisfies Schema;
