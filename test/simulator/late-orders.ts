import type { NodeId } from "../../node/core/node-id.ts";
import type { Cluster } from "./cluster.ts";

/** Holds up links that bring orders to forget what was deleted, so that they arrive where more has been written since they were given. */
export class LateOrders {
  readonly #cluster: Cluster;
  #orders = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** To be called before the order is on its way. */
  given(from: NodeId, to: NodeId): void {
    const { scenario, network, random, loop } = this.#cluster;
    const { lateSealsMsMax = 0 } = scenario;
    if (lateSealsMsMax === 0 || !network.isStormy) return;
    const heldMs = random.fork("order", ++this.#orders).between(0, lateSealsMsMax);
    network.clog(from, to, loop.nowMs + heldMs);
  }
}
