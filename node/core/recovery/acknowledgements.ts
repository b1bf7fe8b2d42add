import type { NodeId } from "../node-id.ts";
import type { StorePoint } from "../ports/replica-store.ts";

/**
 * What this node remembers of each node's durable acknowledgements: for each start of a process there (a *run*) the
 * farthest point of its store. A node that comes back with less than it ever acknowledged has lost data, and cannot
 * know that by itself.
 *
 * Invariant: what a node was told of is forgotten only when it has answered, and does not say that it is recovering;
 * what it is by then takes the place of all that was before. Bounded: of many runs the farthest of each store stays.
 */
export class Acknowledgements {
  readonly #points = new Map<NodeId, RememberedPoint[]>();
  #changes = 0;

  /** Grows whenever there is something new to keep. */
  get changes(): number {
    return this.#changes;
  }

  /** Costs a map access and two comparisons of short texts where the node has not restarted. */
  acknowledged(node: NodeId, at: StorePoint): void {
    const points = this.#points.get(node);
    const last = points?.at(-1);
    if (last !== undefined && isSameRun(last, at)) {
      if (at.sequence <= last.sequence) return;
      last.sequence = at.sequence;
      this.#changes += 1;
      return;
    }
    this.#remember(node, points ?? [], at);
  }

  /** In the order in which the runs were met. */
  pointsOf(node: NodeId): readonly StorePoint[] {
    return (this.#points.get(node) ?? []).map((point) => ({ ...point }));
  }

  nodes(): readonly NodeId[] {
    return [...this.#points.keys()];
  }

  /** The node has looked at `told` and has nothing to get back; `now` is where its store stands. */
  answered(node: NodeId, told: readonly StorePoint[], now: StorePoint): void {
    const isTold = (point: StorePoint): boolean => told.some((each) => isSameRun(each, point));
    const left = (this.#points.get(node) ?? []).filter((point) => isSameRun(point, now) || !isTold(point));
    const current = left.find((point) => isSameRun(point, now));
    const others = left.filter((point) => point !== current);
    const sequence = Math.max(now.sequence, current?.sequence ?? 0);
    this.#points.set(node, [...others, { ...now, sequence }]);
    this.#changes += 1;
  }

  #remember(node: NodeId, points: RememberedPoint[], at: StorePoint): void {
    const known = points.find((point) => isSameRun(point, at));
    if (known === undefined) points.push({ ...at });
    else known.sequence = Math.max(known.sequence, at.sequence);
    if (points.length > POINTS_MAX) points.splice(indexOfLeast(points), 1);
    this.#points.set(node, points);
    this.#changes += 1;
  }
}

const POINTS_MAX = 8;

interface RememberedPoint {
  readonly storeId: string;
  readonly runId: string;
  sequence: number;
}

function isSameRun(left: StorePoint, right: StorePoint): boolean {
  return left.runId === right.runId && left.storeId === right.storeId;
}

/** One that says less than another of its store, else the oldest. Never the last one. */
function indexOfLeast(points: readonly RememberedPoint[]): number {
  const saysLess = points.findIndex((point, i) =>
    points.some((other, j) => i !== j && other.storeId === point.storeId && other.sequence >= point.sequence),
  );
  return saysLess === -1 || saysLess === points.length - 1 ? 0 : saysLess;
}
