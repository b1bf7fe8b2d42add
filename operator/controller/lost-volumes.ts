import type { V1Node, V1PersistentVolume, V1PersistentVolumeClaim } from "@kubernetes/client-node";
import { claimName } from "../desired/names.ts";
import { ApiError, isNotFound } from "../kube/api-connection.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resource-path.ts";
import { isPodReady } from "../observe/node-view.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { isOfCluster } from "../plan/volumes.ts";

/**
 * Claims whose volumes are lost with their hosts: a volume that can only live on hosts of which Kubernetes has no Node any
 * more. Deleting a Node says that the host is gone for good; a host that is merely silent keeps its Node. Asked only of claims whose
 * pods are not ready; an operator that may not read hosts and volumes (scope=namespace) knows of none.
 */
export class LostVolumes {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Names of claims. Rejects with ApiError. */
  async of({ claims, pods, statefulSets }: ObservedState): Promise<readonly string[]> {
    const ready = new Set(pods.filter(isPodReady).map(({ metadata }) => claimName(metadata!.name!)));
    const suspects = claims.filter(
      ({ metadata, spec }) =>
        spec?.volumeName !== undefined &&
        !ready.has(metadata!.name!) &&
        isOfCluster(metadata!.name!, { statefulSets }),
    );
    const lost: string[] = [];
    for (const claim of suspects) if (await this.#isLost(claim)) lost.push(claim.metadata!.name!);
    return lost;
  }

  async #isLost({ spec }: V1PersistentVolumeClaim): Promise<boolean> {
    try {
      const name = { namespace: "", name: spec!.volumeName! };
      const hosts = hostsOf(await this.#client.get<V1PersistentVolume>(RESOURCES.volumes, name));
      for (const host of hosts) {
        // By the label that volumes are bound by: a Node may have another name than its host.
        const nodes = await this.#client.labelled<V1Node>(RESOURCES.hosts, `${HOST_NAME_LABEL}=${host}`);
        if (nodes.length > 0) return false;
      }
      return hosts.length > 0;
    } catch (error) {
      if (isNotFound(error) || (error instanceof ApiError && error.status === 403)) return false;
      throw error;
    }
  }
}

/** The hosts that a volume is bound to by name; none where it is bound in another way, or can move. */
export function hostsOf({ spec }: V1PersistentVolume): readonly string[] {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const byTerm = terms.map(({ matchExpressions = [] }) =>
    matchExpressions.flatMap(({ key, operator, values = [] }) =>
      key === HOST_NAME_LABEL && operator === "In" ? values : [],
    ),
  );
  return byTerm.some((hosts) => hosts.length === 0) ? [] : byTerm.flat();
}

const HOST_NAME_LABEL = "kubernetes.io/hostname";
