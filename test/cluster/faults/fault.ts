import type { Disks, FaultCluster } from "./fault-cluster.ts";
import type { FaultLoad, Side } from "./fault-load.ts";

/**
 * A way in which the world goes wrong around a running cluster, and how it is put right again. A fault is data and two
 * functions; what happens around it (load, checks, waiting for convergence) is the same for all (fault-run.ts).
 */
export interface Fault {
  /** Short; names the cell in the results and on the page, e.g. "netsplit 2|3, drop". */
  readonly name: string;
  /** One sentence for the page. */
  readonly about: string;
  /** What the nodes' disks must be able to do from their first start on. */
  readonly disks: Disks;
  /** W for which losing this much is covered: a disk that loses rows needs W > 1. */
  readonly writeQuorums: readonly number[];
  /** Shortest and longest, where a few seconds are not enough to show what it does. */
  readonly durationMs?: readonly [number, number];
  /** Where clients are while it lasts: never at a node that is dead. */
  sides(cluster: FaultCluster): readonly Side[];
  /** Does the harm; what it answers puts it right and resolves when every node serves again. */
  harm(scene: Scene): Promise<Mend>;
}

export type Mend = () => Promise<void>;

export interface Scene {
  readonly cluster: FaultCluster;
  readonly load: FaultLoad;
  /** How long the harm is to last; a fault that comes in steps spreads them over it. */
  readonly durationMs: number;
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
