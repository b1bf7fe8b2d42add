import { boundOf } from "../merkle/leaf.ts";
import type { NodeId } from "../node-id.ts";
import { LEAF_COUNT } from "../ports/merkle-store.ts";
import type { SealableRead, SealStore } from "../ports/seal-store.ts";
import type { RingState } from "../ring/ring-state.ts";
import { SEALED_AT_ONCE_MAX } from "./seal-round.ts";
import type { SealedRow } from "./sealed-record.ts";
import { sealedRowBytes } from "./sealed-row-codec.ts";

/**
 * One walk over the partitions of which this node is the first owner, for rows that have something to forget, in groups that one
 * question can ask about. A step reads few rows: whoever walks makes a pause after each.
 */
const ROWS_PER_STEP = 512;
const BYTES_PER_GROUP = 512 * 1024;

export class SealableSweep {
  readonly #store: Pick<SealStore, "sealableRows">;
  readonly #ranges: { after: Uint8Array; readonly before: Uint8Array }[];

  constructor(store: Pick<SealStore, "sealableRows">, ring: RingState, self: NodeId) {
    this.#store = store;
    this.#ranges = rangesOf(ring, self);
  }

  get isDone(): boolean {
    return this.#ranges.length === 0;
  }

  /** Some rows, ascending; often none. */
  async step(): Promise<SealableRead> {
    const range = this.#ranges[0];
    if (range === undefined) return { status: "read", rows: [], next: undefined };
    const read = await this.#store.sealableRows({ ...range, rowsMax: ROWS_PER_STEP });
    if (read.status === "failed") return read;
    if (read.next === undefined) this.#ranges.shift();
    else range.after = read.next;
    return read;
  }
}

/** Neighbouring partitions as one range. */
function rangesOf(ring: RingState, self: NodeId): { after: Uint8Array; before: Uint8Array }[] {
  const count = ring.current()?.parameters.partitions ?? 0;
  const ranges: { first: number; end: number }[] = [];
  for (let partition = 0; partition < count; partition++) {
    if (ring.preferenceList(partition).owners[0] !== self) continue;
    const last = ranges.at(-1);
    if (last?.end === partition) last.end = partition + 1;
    else ranges.push({ first: partition, end: partition + 1 });
  }
  const leaves = LEAF_COUNT / Math.max(1, count);
  return ranges.map(({ first, end }) => ({ after: boundOf(first * leaves), before: boundOf(end * leaves) }));
}

/** Rows that one question asks about, gathered until there is no room for more. */
export class SealGroups {
  readonly groups: SealedRow[][] = [];
  #bytes = Infinity;

  add(row: SealedRow): void {
    const bytes = sealedRowBytes(row);
    // One alone is asked about whatever its size.
    if (this.#bytes + bytes > BYTES_PER_GROUP || this.groups.at(-1)!.length >= SEALED_AT_ONCE_MAX) {
      this.groups.push([]);
      this.#bytes = 0;
    }
    // Copies: the bytes are views that would keep the whole message of a reader alive.
    const { bucket, key, position } = row;
    this.groups
      .at(-1)!
      .push({ ...row, bucket: bucket.slice(), key: key.slice(), position: position.slice() });
    this.#bytes += bytes;
  }
}
