import type { NodeId } from "../node-id.ts";
import type { ElasticRing } from "../ring/ring.ts";

/**
 * With whom this node has become equal in the partitions that a change moves to it. In memory: a process that starts anew
 * may have another disk, and compares again, which moves nothing where nothing is missing.
 *
 * Invariant: an entry was made on what this node has now and after the begin of the change under way. A change that was cancelled
 * and begun again under the same id is another one: in between no write came here.
 */
export class TransferLedger {
  #change = "";
  readonly #equalWith = new Map<number, Set<NodeId>>();

  /** Names the change; what was noted for another one is forgotten. */
  open(ring: ElasticRing): string {
    // In phase transfer it accepts from its begin on.
    const change = `${ring.generation} ${ring.acceptsFrom} ${ring.change?.changeId ?? ""}`;
    if (change !== this.#change) this.#equalWith.clear();
    this.#change = change;
    return change;
  }

  /** @param change as `open` named it when the comparison began: one that has ended meanwhile counts for nothing */
  note(change: string, source: NodeId, partitions: readonly number[]): void {
    if (change !== this.#change) return;
    for (const partition of partitions) {
      const sources = this.#equalWith.get(partition);
      if (sources === undefined) this.#equalWith.set(partition, new Set([source]));
      else sources.add(source);
    }
  }

  equalWith(partition: number): ReadonlySet<NodeId> {
    return this.#equalWith.get(partition) ?? NOBODY;
  }
}

const NOBODY: ReadonlySet<NodeId> = new Set();
