import type { NodeId } from "../node-id.ts";
import type { Ring } from "../ring/ring.ts";
import { compareRings, type RingNumber } from "../ring/ring-number.ts";
import type { MemberEntry } from "./member-entry.ts";

/**
 * Nodes that have left the ring, and may still have copies or hints that come to members: whoever forgets what was deleted has to
 * ask them (seal/seal-round.ts). That a node keeps nothing holds until a ring lists it again: then it gets copies, and may
 * be gone before it has said so. One that a ring listed, and that has said nothing since, may have some.
 *
 * What rings listed is in memory: a process that starts anew knows only what the nodes say.
 */
export class DepartedNodes {
  /** By node the last ring that listed it, the latest last. */
  readonly #listed = new Map<NodeId, RingNumber>();

  /** To be called with each ring, and once at the start. */
  ringChanged({ generation, epoch, members }: Ring): void {
    for (const { id } of members) {
      this.#listed.delete(id);
      this.#listed.set(id, { generation, epoch });
    }
    for (const id of this.#listed.keys()) {
      if (this.#listed.size <= members.length + REMEMBERED_MAX) return;
      this.#listed.delete(id);
    }
  }

  /** Nodes that rings have listed, those of now among them. */
  listed(): Iterable<NodeId> {
    return this.#listed.keys();
  }

  /** @param entry what it says of itself; undefined where nothing was heard of it */
  mayKeepCopies(id: NodeId, entry: Pick<MemberEntry, "ring" | "keepsCopies"> | undefined): boolean {
    const listed = this.#listed.get(id);
    if (entry?.ring === undefined) return listed !== undefined;
    return entry.keepsCopies !== false || (listed !== undefined && compareRings(entry.ring, listed) <= 0);
  }
}

const REMEMBERED_MAX = 1_024;
