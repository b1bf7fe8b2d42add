import type { Cell } from "./catalogue/all-faults.ts";
import type { ClusterSize, Disks } from "./fault-cluster.ts";
import { FaultCluster } from "./fault-cluster.ts";

/**
 * Clusters are used for several runs, as in real life a cluster sees several faults, and because starting five nodes
 * takes as long as a short run. After a failed run a new one is made, and the old one's files are kept.
 */
const FIXED: ClusterSize = { members: 5, spares: 0 };
const CHANGING: ClusterSize = { members: 5, spares: 2 };
const RUNS_MAX = 12;

export class ClusterPool {
  #current: { cluster: FaultCluster; disks: Disks; size: ClusterSize; runs: number } | undefined;
  /** Of clusters whose run failed. */
  readonly kept: string[] = [];

  /** One that the cell can be done to: with its kind of disks, and with spares where the ring is to change. */
  async take({ fault: { disks }, changes }: Cell): Promise<FaultCluster> {
    const size = changes ? CHANGING : FIXED;
    const current = this.#current;
    const isOther = current !== undefined && (current.disks !== disks || current.size !== size);
    if (isOther || (current !== undefined && current.runs >= RUNS_MAX)) await this.#remove(false);
    if (this.#current === undefined) {
      this.#current = { cluster: new FaultCluster(size, disks), disks, size, runs: 0 };
      try {
        await this.#current.cluster.form();
      } catch (error) {
        await this.discard();
        throw error;
      }
    }
    this.#current.runs += 1;
    return this.#current.cluster;
  }

  /** After a failed run. Answers where the files are. */
  async discard(): Promise<string> {
    const directory = this.#current?.cluster.directory ?? "";
    await this.#remove(true);
    return directory;
  }

  async close(): Promise<void> {
    await this.#remove(false);
  }

  async #remove(keepFiles: boolean): Promise<void> {
    const cluster = this.#current?.cluster;
    this.#current = undefined;
    if (cluster === undefined) return;
    if (keepFiles) this.kept.push(cluster.directory);
    await cluster.remove({ keepFiles });
  }
}
