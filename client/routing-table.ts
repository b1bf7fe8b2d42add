import type { RoutingTable } from "../node/contract/admin-types.ts";
import { partitionOf, positionOf } from "./position.ts";

/**
 * Which endpoints own a key: partition-aware routing saves the hop from a node that does not own the key to one that
 * does (Dynamo §6.4). The table is advice only. It is fetched in the background, so no call ever waits for it; it is
 * fetched again when it is old or when an endpoint did not answer; and whatever it says, every node serves every key.
 */
export class RoutingTableCache {
  readonly #load: () => Promise<RoutingTable>;
  readonly #scheme: string;
  #table: RoutingTable | undefined;
  #loading = false;
  #loadAtMs = 0;

  /** @param scheme of the endpoints that the table's addresses become: "http:" or "https:" */
  constructor(load: () => Promise<RoutingTable>, scheme: string) {
    this.#load = load;
    this.#scheme = scheme;
  }

  /** Owners that were reachable when the table was made, the first coordinator first; none without a table. */
  ownersOf(bucket: Uint8Array, key: Uint8Array, nowMs: number): readonly string[] {
    if (nowMs >= this.#loadAtMs && !this.#loading) void this.#refresh(nowMs);
    const table = this.#table;
    if (table === undefined) return [];
    const partition = partitionOf(positionOf(bucket, key), table.partitions);
    return (table.owners[partition] ?? [])
      .map((index) => table.members[index])
      .filter((member) => member !== undefined && member.reachable && member.address !== "")
      .map((member) => `${this.#scheme}//${member!.address}`);
  }

  /** The table may be out of date: the next call fetches it again, at most once a second. */
  doubt(nowMs: number): void {
    this.#loadAtMs = Math.min(this.#loadAtMs, nowMs + REFRESH_MS_MIN);
  }

  async #refresh(nowMs: number): Promise<void> {
    this.#loading = true;
    try {
      this.#table = await this.#load();
      this.#loadAtMs = nowMs + REFRESH_MS_MAX;
    } catch {
      // Without a newer table the old one, or any endpoint, still serves; the call itself reports what is wrong.
      this.#loadAtMs = nowMs + REFRESH_MS_MIN;
    } finally {
      this.#loading = false;
    }
  }
}

const REFRESH_MS_MIN = 1_000;
const REFRESH_MS_MAX = 30_000;
