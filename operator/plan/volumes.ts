import type { V1PersistentVolumeClaim, V1StatefulSet } from "@kubernetes/client-node";
import type { DynamoCluster } from "../api/v1alpha1/dynamo-cluster.ts";
import { claimName } from "../desired/names.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { isUnbound } from "../observe/claim-notes.ts";
import { bytesOf } from "./quantity.ts";
import type { Step } from "./step.ts";

/**
 * Volumes grow, in two steps: the claims that there are, each by itself, and then the template for those to come,
 * which only a new StatefulSet can carry (the pods stay). It comes before everything that waits for health: a node
 * whose disk is full becomes healthy only by this. A size that no volume can be given is taken back the same way.
 */
export function volumeStep(observed: ObservedState): Step | undefined {
  const { cluster, claims, statefulSets } = observed;
  const wanted = cluster.spec.storage.size;
  for (const claim of claims) {
    const asked = claim.spec?.resources?.requests?.["storage"];
    const name = claim.metadata?.name;
    if (asked === undefined || name === undefined || !isOfCluster(name, observed)) continue;
    // Kubernetes changes no claim before it has its volume.
    if (isUnbound(claim) || claim.status?.phase === "Pending") continue;
    const isTooLittle = bytesOf(asked) < bytesOf(wanted);
    if (isTooLittle || isTakenBack(claim, wanted)) return { kind: "grow_claim", claim: name, size: wanted };
  }
  for (const { metadata, spec } of statefulSets) {
    const asked = spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.["storage"];
    const isOther =
      asked !== undefined && (bytesOf(asked) < bytesOf(wanted) || bytesOf(asked) > bytesOf(wanted));
    if (!isOther) continue;
    const why = `volumes of new pods shall have ${wanted}, not ${asked}`;
    return { kind: "replace_stateful_set", name: metadata!.name!, uid: metadata!.uid!, why };
  }
  return undefined;
}

/** More was asked for than is wanted now, and the volume has less than either; Kubernetes allows nothing else. */
function isTakenBack({ spec, status }: V1PersistentVolumeClaim, wanted: string): boolean {
  const asked = bytesOf(spec?.resources?.requests?.["storage"] ?? "");
  const has = bytesOf(status?.capacity?.["storage"] ?? "");
  return asked > bytesOf(wanted) && has < bytesOf(wanted);
}

/** The largest size that a volume has reached; undefined before there is one. */
export function volumeSize({ claims }: ObservedState): string | undefined {
  const sizes = claims.flatMap(({ status }) => status?.capacity?.["storage"] ?? []);
  return sizes.toSorted((a, b) => bytesOf(b) - bytesOf(a))[0];
}

/** Claims whose volumes have not reached the size that was asked for them; not those that no pod mounts, where no file system grows. */
export function growingClaims({ claims, cluster, statefulSets }: ObservedState): readonly string[] {
  return claims.flatMap(({ metadata, status }) => {
    const has = status?.capacity?.["storage"];
    const isSmall = has !== undefined && bytesOf(has) < bytesOf(sizeOf(cluster));
    const name = metadata?.name;
    return isSmall && name !== undefined && !isKeptForLater(name, statefulSets) ? [name] : [];
  });
}

function sizeOf(cluster: DynamoCluster): string {
  return cluster.spec.storage.size;
}

/** A claim of a StatefulSet that has no pod for it now. */
function isKeptForLater(claim: string, statefulSets: readonly V1StatefulSet[]): boolean {
  return statefulSets.some(({ metadata, spec }) => {
    const start = claimName(`${metadata!.name}-`);
    return claim.startsWith(start) && Number(claim.slice(start.length)) >= (spec?.replicas ?? 0);
  });
}

/** Whether a claim is that of a pod, by its name: somebody may have labelled one of his own like these. */
export function isOfCluster(claim: string, { statefulSets }: Pick<ObservedState, "statefulSets">): boolean {
  const ofPods = statefulSets.map(({ metadata }) => claimName(`${metadata?.name}-`));
  return ofPods.some((start) => claim.startsWith(start) && /^\d+$/.test(claim.slice(start.length)));
}
