import { disruptionBudget } from "../desired/disruption-budget.ts";
import { disruptionBudgetName } from "../desired/names.ts";
import { isNotFound } from "../kube/api-connection.ts";
import type { ClusterCaches } from "../kube/cluster-caches.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resource-path.ts";
import type { ObservedState } from "../observe/observed-state.ts";
import { budgetedNodes } from "../plan/budgeted-nodes.ts";
import type { ObjectApplier } from "./object-applier.ts";

/**
 * Keeps each cluster's budget as the ring is: applied when the nodes were asked and before the step, so that it counts
 * those that join before they do.
 */
export class DisruptionBudgets {
  readonly #client: KubeClient;
  readonly #caches: ClusterCaches;
  readonly #applier: ObjectApplier;

  constructor(client: KubeClient, caches: ClusterCaches, applier: ObjectApplier) {
    this.#client = client;
    this.#caches = caches;
    this.#applier = applier;
  }

  /** Rejects with ApiError. */
  async keep(observed: ObservedState): Promise<void> {
    const { metadata, spec } = observed.cluster;
    const name = { namespace: metadata.namespace, name: disruptionBudgetName(observed.cluster) };
    const live = this.#caches.disruptionBudgets.get(name.namespace, name.name);
    const nodes = budgetedNodes(observed);
    const wanted = disruptionBudget(observed.cluster, nodes ?? spec.size);
    if (wanted !== undefined) {
      // Where no node can say how many there are, what was right before stays.
      if (nodes !== undefined || live === undefined) await this.#applier.apply(wanted);
      return;
    }
    if (live?.metadata?.uid === undefined) return;
    await this.#client
      .delete(RESOURCES.disruptionBudgets, name, { preconditions: { uid: live.metadata.uid } })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
  }
}
