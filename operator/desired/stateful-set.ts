import type { V1PersistentVolumeClaim, V1PodTemplateSpec, V1StatefulSet } from "@kubernetes/client-node";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { digestOf } from "./digest.ts";
import { SPEC_HASH, TEMPLATE_HASH, ZONE_LABEL } from "../api/v1alpha1/annotations.ts";
import { objectLabels, selectorLabels } from "./labels.ts";
import { DATA_VOLUME, nodesServiceName } from "./names.ts";
import { ownerOf } from "./owner.ts";
import { podTemplate } from "./pod-template.ts";
import { type ZoneShare } from "./zone-plan.ts";

/**
 * The nodes of one zone. `Parallel`, because a cluster that lost all its pods needs a majority at once; `OnDelete`,
 * because the operator itself decides when a pod may give way to an update. Claims are never deleted by Kubernetes
 * on its own: the policy is the operator's, and somebody who scales the StatefulSet by hand must not lose data.
 */
export interface StatefulSetInput {
  readonly share: ZoneShare;
  readonly image: string;
  /** The one that there is. */
  readonly live: V1StatefulSet | undefined;
  /** As many pods as one that was replaced has left behind: members may be among them, whatever the size is now. */
  readonly podsLeft?: number;
}

export function statefulSet(
  cluster: DynamoCluster,
  { share, image, live, podsLeft = 0 }: StatefulSetInput,
): V1StatefulSet {
  const { zone } = share;
  const template = templateFor(cluster, { zone, image, live });
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: {
      name: share.statefulSet,
      namespace: cluster.metadata.namespace,
      labels: { ...objectLabels(cluster), ...(zone === "" ? {} : { [ZONE_LABEL]: zone }) },
      annotations: { [SPEC_HASH]: template.specHash },
      ownerReferences: [ownerOf(cluster)],
    },
    spec: {
      // What it is: the number of pods changes step by step, as nodes join and leave (plan/size.ts).
      replicas: live?.spec?.replicas ?? Math.max(share.nodes, podsLeft),
      serviceName: nodesServiceName(cluster),
      podManagementPolicy: "Parallel",
      updateStrategy: { type: "OnDelete" },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      selector: {
        matchLabels: { ...selectorLabels(cluster), ...(zone === "" ? {} : { [ZONE_LABEL]: zone }) },
      },
      template: template.template,
      volumeClaimTemplates: [claimTemplate(cluster, live)],
    },
  };
}

/** Digest of a template, as it is noted on it and on the pods made from it. */
export function templateHash(template: V1PodTemplateSpec | undefined): string | undefined {
  return template?.metadata?.annotations?.[TEMPLATE_HASH];
}

/**
 * A new version of the operator may make other templates of the same spec. Unless the user allowed that, the template
 * stays as it is until the spec changes: an operator's upgrade alone restarts no node.
 */
export function templateFor(
  cluster: DynamoCluster,
  { zone, image, live }: { zone: string; image: string; live: V1StatefulSet | undefined },
): { template: V1PodTemplateSpec; specHash: string; isHeldBack: boolean } {
  const wanted = podTemplate(cluster, { zone, image });
  const specHash = specHashOf(cluster);
  const current = live?.spec?.template;
  const isSpecUnchanged = live?.metadata?.annotations?.[SPEC_HASH] === specHash;
  const differs = templateHash(current) !== templateHash(wanted);
  if (current === undefined || !differs || !isSpecUnchanged || cluster.spec.updatePolicy === "Automatic") {
    return { template: wanted, specHash, isHeldBack: false };
  }
  return { template: current, specHash, isHeldBack: true };
}

/** The parts of the spec that a pod is made of. */
function specHashOf({ spec }: DynamoCluster): string {
  const { replication, settings, resources, image, imagePullPolicy, imagePullSecrets, pod } = spec;
  return digestOf({ replication, settings, resources, image, imagePullPolicy, imagePullSecrets, pod });
}

/** A claim template cannot change in place: the live one stays until the StatefulSet is replaced. */
function claimTemplate(cluster: DynamoCluster, live: V1StatefulSet | undefined): V1PersistentVolumeClaim {
  const { storage } = cluster.spec;
  const current = live?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.["storage"];
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: DATA_VOLUME, labels: { ...objectLabels(cluster) } },
    spec: {
      accessModes: ["ReadWriteOnce"],
      volumeMode: "Filesystem",
      ...(storage.className === undefined ? {} : { storageClassName: storage.className }),
      resources: { requests: { storage: current ?? storage.size } },
    },
  };
}
