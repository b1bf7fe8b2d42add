import type { Schema, ValidationRule } from "./schema-type.ts";

/**
 * What a user may ask for. Every field has a default but `size`, every rule a sentence that says what to do. What
 * cannot change for the life of a cluster (N, Q, zones, the storage class) is refused here, by the API server, before
 * the operator ever sees it.
 */

const quantity = (description: string) =>
  ({
    type: "string",
    description,
    maxLength: 32,
    "x-kubernetes-validations": [
      { rule: "isQuantity(self)", message: "this is no quantity: write a number with a unit, such as 10Gi" },
    ],
  }) as const satisfies Schema;

const quorum = (letter: string) =>
  ({
    type: "integer",
    description: `${letter} of requests that name none.`,
    default: 2,
    minimum: 1,
    maximum: 7,
  }) as const satisfies Schema;

const replication = {
  type: "object",
  description: "Copies of each key, and how many of them answer a read or a write by default.",
  default: { factor: 3, readQuorum: 2, writeQuorum: 2 },
  properties: {
    // Not `n`: unquoted, YAML reads that key as the word "no".
    factor: {
      type: "integer",
      description: "N: nodes that keep each key. Cannot be changed later.",
      default: 3,
      minimum: 1,
      maximum: 7,
    },
    readQuorum: quorum("R"),
    writeQuorum: quorum("W"),
  },
  "x-kubernetes-validations": [
    {
      rule: "self.readQuorum <= self.factor",
      message:
        "replication.readQuorum is larger than replication.factor: a read cannot wait for more copies than there are; lower it or create the cluster with a larger factor",
    },
    {
      rule: "self.writeQuorum <= self.factor",
      message:
        "replication.writeQuorum is larger than replication.factor: a write cannot wait for more copies than there are; lower it or create the cluster with a larger factor",
    },
    {
      rule: "self.factor == oldSelf.factor",
      message:
        "replication.factor cannot be changed: it is fixed for the life of a cluster; create a new cluster and copy the data",
    },
  ],
} as const satisfies Schema;

const storage = {
  type: "object",
  description: "The volume of each node.",
  default: { size: "10Gi", reclaimPolicy: "Retain", whenScaled: "Delete" },
  properties: {
    size: {
      ...quantity("Size of each node's volume. It can grow; what was not reached can be lowered again."),
      default: "10Gi",
    },
    className: {
      type: "string",
      description:
        "StorageClass of the volumes; the cluster's default class where missing. Cannot be changed later.",
      minLength: 1,
      maxLength: 253,
    },
    reclaimPolicy: {
      type: "string",
      description:
        "Whether volumes and the cluster secret outlive the DynamoCluster. A new one of the same name adopts retained ones.",
      enum: ["Retain", "Delete"],
      default: "Retain",
    },
    whenScaled: {
      type: "string",
      description:
        "What becomes of the volume of a node that left because size was lowered, once it has handed everything over. A retained one has to be deleted by hand before size can be raised again.",
      enum: ["Retain", "Delete"],
      default: "Delete",
    },
  },
  "x-kubernetes-validations": [
    {
      rule: "!isQuantity(self.size) || quantity(self.size).compareTo(quantity('64Mi')) >= 0",
      message: "storage.size is below 64Mi: a node cannot work in that; give at least 64Mi",
    },
    {
      rule: "has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)",
      message:
        "storage.className cannot be changed: volumes cannot move to another class; create a new cluster with it",
    },
  ],
} as const satisfies Schema;

const quantities = {
  type: "object",
  additionalProperties: { "x-kubernetes-int-or-string": true, maxLength: 32 },
  maxProperties: 8,
} as const satisfies Schema;

const resources = {
  type: "object",
  description: "CPU and memory of each node's container, as in a pod.",
  default: { requests: { cpu: "100m", memory: "384Mi" } },
  properties: { requests: quantities, limits: quantities },
} as const satisfies Schema;

const settings = {
  type: "object",
  description: "Settings of the nodes. A change restarts them one after the other.",
  default: { logLevel: "info" },
  properties: {
    logLevel: {
      type: "string",
      description: "How much the nodes log.",
      enum: ["error", "warn", "info", "debug"],
      default: "info",
    },
    requestTimeoutMs: {
      type: "integer",
      description: "Timeout of requests that name none.",
      minimum: 10,
      maximum: 60_000,
    },
    valueBytesMax: { type: "integer", description: "Longest value.", minimum: 1_024, maximum: 67_108_864 },
    siblingsMax: {
      type: "integer",
      description: "A put that leaves more siblings is refused.",
      minimum: 2,
      maximum: 10_000,
    },
    readCacheBytesMax: {
      type: "integer",
      description: "Memory for records read lately; 0 for none.",
      minimum: 0,
    },
    requestsMax: {
      type: "integer",
      description: "Client requests under way at once; more get 503.",
      minimum: 1,
      maximum: 100_000,
    },
  },
} as const satisfies Schema;

const stringMap = (description: string) =>
  ({
    type: "object",
    description,
    additionalProperties: { type: "string", maxLength: 1_024 },
    maxProperties: 64,
  }) as const satisfies Schema;

const asInPod = (type: "object", description: string) =>
  ({ type, description, "x-kubernetes-preserve-unknown-fields": true }) as const satisfies Schema;

const pod = {
  type: "object",
  description: "What is added to the nodes' pods. What DynamoKV relies on cannot be overridden.",
  default: { terminationGracePeriodSeconds: 30 },
  properties: {
    labels: stringMap("Labels added to the pods."),
    annotations: stringMap("Annotations added to the pods."),
    nodeSelector: stringMap("Hosts that the pods may run on."),
    tolerations: {
      type: "array",
      description: "As in a pod.",
      maxItems: 32,
      items: asInPod("object", "As in a pod."),
      "x-kubernetes-list-type": "atomic",
    },
    affinity: asInPod("object", "As in a pod; zones are added to it."),
    priorityClassName: { type: "string", description: "As in a pod.", maxLength: 253 },
    terminationGracePeriodSeconds: {
      type: "integer",
      description: "As in a pod.",
      default: 30,
      minimum: 10,
      maximum: 600,
    },
  },
  "x-kubernetes-validations": [
    {
      rule: "!has(self.labels) || self.labels.all(k, !k.startsWith('app.kubernetes.io/') && !k.startsWith('dynamokv.io/'))",
      message:
        "pod.labels must not begin with app.kubernetes.io/ or dynamokv.io/: the operator finds its pods by them; choose other names",
    },
    {
      rule: "!has(self.annotations) || self.annotations.all(k, !k.startsWith('dynamokv.io/'))",
      message:
        "pod.annotations must not begin with dynamokv.io/: the operator keeps its own there; choose other names",
    },
  ],
} as const satisfies Schema;

const rules: readonly ValidationRule[] = [
  {
    rule: "self.size >= self.replication.factor",
    message:
      "size is less than replication.factor: each key needs that many nodes; raise size, or create the cluster with replication: {factor: 1, readQuorum: 1, writeQuorum: 1}",
  },
  {
    rule: "!has(self.zones) || self.size >= self.zones.size()",
    message:
      "size is less than the number of zones: each zone needs a node; raise size or name fewer zones when the cluster is created",
  },
  {
    rule: "has(self.zones) == has(oldSelf.zones) && (!has(self.zones) || self.zones == oldSelf.zones)",
    message: "zones cannot be changed: nodes cannot move between zones; create a new cluster with them",
  },
  {
    rule: "self.partitions == oldSelf.partitions",
    message: "partitions cannot be changed: it is fixed for the life of a cluster; create a new cluster",
  },
];

const GROWS = "quantity(self.spec.storage.size).compareTo(quantity(oldSelf.spec.storage.size)) >= 0";
const HOLDS =
  "has(self.status) && has(self.status.volumeSize) && isQuantity(self.status.volumeSize) && quantity(self.spec.storage.size).compareTo(quantity(self.status.volumeSize)) > 0";

/**
 * Rules that need the status too. A size that no volume could be given can be taken back: Kubernetes lets a claim ask for
 * less again, as long as that is more than its volume has.
 */
export const clusterRules: readonly ValidationRule[] = [
  {
    rule: `!isQuantity(self.spec.storage.size) || !isQuantity(oldSelf.spec.storage.size) || ${GROWS} || (${HOLDS})`,
    message:
      "storage.size cannot shrink: volumes only grow; keep the old size or a larger one; a size that was not reached can be lowered to anything above status.volumeSize",
  },
];

export const specSchema = {
  type: "object",
  description: "What the cluster shall be.",
  required: ["size"],
  properties: {
    size: {
      type: "integer",
      description:
        "Number of nodes. Raise or lower it at any time, also with kubectl scale: nodes join or leave the ring while the cluster serves.",
      minimum: 1,
      maximum: 100,
    },
    replication,
    partitions: {
      type: "integer",
      description: "Q: slices of the ring, a power of two. Cannot be changed later.",
      default: 256,
      minimum: 8,
      maximum: 4_096,
      "x-kubernetes-validations": [
        {
          rule: "self in [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]",
          message: "partitions is not a power of two: give 256 unless you know better",
        },
      ],
    },
    zones: {
      type: "array",
      description:
        "Zones (topology.kubernetes.io/zone) to spread nodes and copies over; none where missing. Cannot be changed later.",
      minItems: 1,
      maxItems: 9,
      items: {
        type: "string",
        minLength: 1,
        maxLength: 40,
        pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
      },
      "x-kubernetes-list-type": "set",
    },
    storage,
    resources,
    image: {
      type: "string",
      description: "Image of the nodes; the operator's own where missing.",
      minLength: 1,
      maxLength: 512,
      pattern: "^\\S+$",
    },
    imagePullPolicy: {
      type: "string",
      description: "As in a pod.",
      enum: ["Always", "IfNotPresent", "Never"],
      default: "IfNotPresent",
    },
    imagePullSecrets: {
      type: "array",
      description: "Names of Secrets to pull the image with.",
      maxItems: 8,
      items: { type: "string", minLength: 1, maxLength: 253 },
      "x-kubernetes-list-type": "set",
    },
    updatePolicy: {
      type: "string",
      description: "OnSpecChange: a new version of the operator alone restarts no node. Automatic: it may.",
      enum: ["OnSpecChange", "Automatic"],
      default: "OnSpecChange",
    },
    paused: {
      type: "boolean",
      description: "While true the operator changes nothing and only reports.",
      default: false,
    },
    disruptionBudget: {
      type: "boolean",
      description:
        "Whether drains may take only one node at a time. Never where a single node or copy would block them for ever.",
      default: true,
    },
    settings,
    pod,
  },
  "x-kubernetes-validations": rules,
} as const satisfies Schema;
