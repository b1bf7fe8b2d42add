import type { NodeId } from "../../../node/core/node-id.ts";
import type { SubmittedChange } from "../../../node/core/ring/change/ring-changes.ts";
import type { Ring } from "../../../node/core/ring/ring.ts";
import type { Cluster } from "../cluster.ts";
import { SeededRandom } from "../world/seeded-random.ts";

/** Asks nodes for changes of the ring, as a person or the operator does who looks at the ring of the node that is asked. */
export class RingChanger {
  readonly #cluster: Cluster;
  #changes = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  ask(at: NodeId, choice: number): void {
    const { node } = this.#cluster.host(at);
    const ring = node?.ring.current();
    if (node === undefined || ring === undefined) return;
    const luck = SeededRandom.ofSeed(choice).fork("change", at);
    if (ring.change !== null) {
      if (luck.chance(CANCELLED)) void node.governance.cancel(ring.change.changeId);
      return;
    }
    const change = this.#drawn(ring, luck);
    if (change === undefined) return;
    this.#cluster.trace.line(
      this.#cluster.loop.nowMs,
      `${at.slice(-2)} is asked for ${change.type} +${names(change.joining)} -${names(change.leaving)}`,
    );
    void node.governance.submit(change);
  }

  #drawn(ring: Ring, luck: SeededRandom): SubmittedChange | undefined {
    const members = ring.members.map(({ id }) => id);
    const spares = this.#cluster.hosts.map(({ id }) => id).filter((id) => !members.includes(id));
    const type = luck.pick(["join", "join", "leave", "leave", "replace"] as const);
    const most = type === "join" ? spares.length : type === "leave" ? members.length - 1 : spares.length;
    const count = Math.min(1 + luck.below(2), most);
    if (count === 0) return undefined;
    const joining = type === "leave" ? [] : luck.shuffled(spares).slice(0, count);
    const leaving = type === "join" ? [] : luck.shuffled(members).slice(0, count);
    return { changeId: `change-${++this.#changes}`, type, joining, leaving, epoch: ring.epoch };
  }
}

/** Of the requests that find a change under way. */
const CANCELLED = 0.25;

function names(ids: readonly NodeId[]): string {
  return ids.map((id) => id.slice(-2)).join(",");
}
