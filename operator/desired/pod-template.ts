import type { V1Affinity, V1Container, V1EnvVar, V1PodTemplateSpec, V1Probe } from "@kubernetes/client-node";
import {
  ADMIN_PORT,
  CLIENT_PORT,
  CONTAINER_DATA_DIRECTORY,
  CONTAINER_SECRET_FILE,
  ENV,
  LIVENESS_PATH,
  NODE_PROGRAM,
  PEER_PORT,
  READINESS_PATH,
} from "../../node/contract/pod-contract.ts";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { TEMPLATE_HASH, ZONE_LABEL } from "../api/v1alpha1/annotations.ts";
import { objectLabels, selectorLabels } from "./labels.ts";
import { configMapName, DATA_VOLUME, nodesServiceName, secretName, serviceAccountName } from "./names.ts";
import { nodeSettings } from "./config-map.ts";
import { digestOf } from "./digest.ts";

/**
 * A node's pod. It passes the restricted pod security standard, and nothing of it but its volume can be written. Its
 * template carries a digest of itself and of the settings, which is what a rollout goes by.
 */
export interface PodTemplateInput {
  readonly zone: string;
  readonly image: string;
}

/** The user that the image runs as; volumes are given to its group. */
const GROUP = 1000;
const SECRET_VOLUME = "cluster-secret";
const TEMPORARY_VOLUME = "tmp";

export function podTemplate(cluster: DynamoCluster, input: PodTemplateInput): V1PodTemplateSpec {
  const { pod } = cluster.spec;
  const template: V1PodTemplateSpec = {
    metadata: {
      labels: {
        ...pod.labels,
        ...objectLabels(cluster),
        ...(input.zone === "" ? {} : { [ZONE_LABEL]: input.zone }),
      },
      annotations: { ...pod.annotations },
    },
    spec: {
      serviceAccountName: serviceAccountName(cluster),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: pod.terminationGracePeriodSeconds,
      securityContext: {
        runAsNonRoot: true,
        fsGroup: GROUP,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "kubernetes.io/hostname",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: { ...selectorLabels(cluster) } },
        },
      ],
      containers: [container(cluster, input)],
      volumes: [
        { name: SECRET_VOLUME, secret: { secretName: secretName(cluster), defaultMode: 0o440 } },
        { name: TEMPORARY_VOLUME, emptyDir: { sizeLimit: "64Mi" } },
      ],
      ...placement(cluster, input.zone),
    },
  };
  const hash = digestOf({ template, settings: nodeSettings(cluster) });
  return {
    ...template,
    metadata: { ...template.metadata, annotations: { ...pod.annotations, [TEMPLATE_HASH]: hash } },
  };
}

function container(cluster: DynamoCluster, { zone, image }: PodTemplateInput): V1Container {
  const { imagePullPolicy, resources } = cluster.spec;
  return {
    name: "node",
    image,
    imagePullPolicy,
    args: [NODE_PROGRAM],
    env: environment(cluster, zone),
    envFrom: [{ configMapRef: { name: configMapName(cluster) } }],
    ports: [
      { name: "client", containerPort: CLIENT_PORT },
      { name: "admin", containerPort: ADMIN_PORT },
      { name: "peer", containerPort: PEER_PORT },
    ],
    resources: asQuantities(resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    startupProbe: probe(LIVENESS_PATH, { periodSeconds: 1, failureThreshold: 300 }),
    livenessProbe: probe(LIVENESS_PATH, { periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 5 }),
    readinessProbe: probe(READINESS_PATH, { periodSeconds: 2, failureThreshold: 2, timeoutSeconds: 2 }),
    volumeMounts: [
      { name: DATA_VOLUME, mountPath: CONTAINER_DATA_DIRECTORY },
      { name: SECRET_VOLUME, mountPath: directoryOf(CONTAINER_SECRET_FILE), readOnly: true },
      { name: TEMPORARY_VOLUME, mountPath: "/tmp" },
    ],
  };
}

/** The pod's own name goes into its address; DNS may learn of it later than its peers do. */
function environment(cluster: DynamoCluster, zone: string): V1EnvVar[] {
  const { namespace } = cluster.metadata;
  return [
    { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: ENV.dataDirectory, value: CONTAINER_DATA_DIRECTORY },
    { name: ENV.clusterSecretFile, value: CONTAINER_SECRET_FILE },
    { name: ENV.clientListen, value: `0.0.0.0:${CLIENT_PORT}` },
    { name: ENV.adminListen, value: `0.0.0.0:${ADMIN_PORT}` },
    { name: ENV.peerListen, value: `0.0.0.0:${PEER_PORT}` },
    {
      name: ENV.advertiseAddress,
      value: `$(POD_NAME).${nodesServiceName(cluster)}.${namespace}.svc:${PEER_PORT}`,
    },
    {
      name: ENV.advertiseClientAddress,
      value: `$(POD_NAME).${nodesServiceName(cluster)}.${namespace}.svc:${CLIENT_PORT}`,
    },
    { name: ENV.zone, value: zone },
  ];
}

function placement(cluster: DynamoCluster, zone: string) {
  const { pod, imagePullSecrets = [] } = cluster.spec;
  const affinity =
    zone === "" ? (pod.affinity as V1Affinity | undefined) : inZone(pod.affinity as V1Affinity, zone);
  return {
    ...(affinity === undefined ? {} : { affinity }),
    ...(pod.nodeSelector === undefined ? {} : { nodeSelector: { ...pod.nodeSelector } }),
    ...(pod.tolerations === undefined ? {} : { tolerations: [...pod.tolerations] as object[] }),
    ...(pod.priorityClassName === undefined ? {} : { priorityClassName: pod.priorityClassName }),
    ...(imagePullSecrets.length === 0
      ? {}
      : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
  };
}

/** The user's terms are alternatives: the zone is added to each of them. */
function inZone(affinity: V1Affinity | undefined, zone: string): V1Affinity {
  const wanted = { key: "topology.kubernetes.io/zone", operator: "In", values: [zone] };
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = required?.nodeSelectorTerms ?? [{}];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: terms.map((term) => ({
          ...term,
          matchExpressions: [...(term.matchExpressions ?? []), wanted],
        })),
      },
    },
  };
}

function probe(path: string, timing: Omit<V1Probe, "httpGet">): V1Probe {
  return { httpGet: { path, port: "admin" }, ...timing };
}

/** The API server hands numbers back as text; a second apply must not see a difference. */
function asQuantities({ requests, limits }: DynamoCluster["spec"]["resources"]) {
  const texts = (amounts: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, String(amount)]));
  return {
    ...(requests === undefined ? {} : { requests: texts(requests) }),
    ...(limits === undefined ? {} : { limits: texts(limits) }),
  };
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
