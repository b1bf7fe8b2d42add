import type { NodeId } from "../node-id.ts";
import type { ReplicaRead } from "../ports/replica-store.ts";
import type { CancelTimer } from "../ports/timers.ts";
import { ReadTally, type Vote } from "../quorum/read-tally.ts";
import { standIns } from "../ring/sloppy-quorum.ts";
import { compareBytes, type KeyRecord, merge } from "../version/record.ts";
import { decodeRecord, encodeRecord } from "../version/record-codec.ts";
import {
  beforeDeadline,
  bestFirst,
  type Coordination,
  type CoordinatorParts,
  hedgeDelayMs,
  remainingMs,
} from "./coordination.ts";
import { askToRead } from "./replica-calls.ts";
import type { KeyOfBucket } from "./requests.ts";

/** What the replicas said of one key, merged. */
export interface ReadRoundResult {
  readonly reached: boolean;
  readonly answered: number;
  readonly ownersAnswered: number;
  readonly votes: ReadonlyMap<NodeId, Vote>;
  /** Nodes whose copy failed its check: no voters, but in need of repair. */
  readonly corrupt: ReadonlySet<NodeId>;
  /** Undefined where nobody who counted has the key. */
  readonly merged:
    { readonly record: KeyRecord; readonly bytes: Uint8Array; readonly digest: Uint8Array } | undefined;
}

/**
 * One read of the replicas: asks as few as the quorum needs, the next one whenever one is lost or slow, and fetches
 * the record behind every digest that differs, until R votes count and each has its record.
 */
export async function readReplicas(
  key: KeyOfBucket,
  coordination: Coordination,
  parts: CoordinatorParts,
): Promise<ReadRoundResult> {
  const round = new ReadRound(key, coordination, parts);
  for (;;) {
    const reached = await round.quorum();
    if (!reached) return round.result(false);
    const unknown = round.votersWithUnknownRecord();
    if (unknown.length === 0) return round.result(true);
    await round.fetchRecords(unknown);
  }
}

class ReadRound {
  readonly #key: KeyOfBucket;
  readonly #coordination: Coordination;
  readonly #parts: CoordinatorParts;
  readonly #tally: ReadTally;
  /** Who may still be asked: this node where it is an owner, healthy owners, the stand-ins of a write, the rest. */
  readonly #candidates: NodeId[];
  readonly #corrupt = new Set<NodeId>();
  #started = false;
  #timer: CancelTimer | undefined;
  #wake: ((reached: boolean) => void) | undefined;

  constructor(key: KeyOfBucket, coordination: Coordination, parts: CoordinatorParts) {
    this.#key = key;
    this.#coordination = coordination;
    this.#parts = parts;
    const { preferenceList: list, zoneOf, quorum } = coordination;
    const healthyOwners = list.owners.filter(parts.isHealthy);
    this.#tally = new ReadTally(quorum, { owners: list.owners, healthyOwners });
    // Reads and writes use the same first N healthy nodes: else R + W > N says nothing while an owner is away.
    const firstN = standIns({ list, zoneOf, isHealthy: parts.isHealthy }).map(({ node }) => node);
    const owners = bestFirst(list.owners, coordination, parts);
    const others = bestFirst(list.fallbacks, coordination, parts);
    this.#candidates = [...new Set([...owners, ...firstN, ...others])];
  }

  /** Resolves true when R votes count, false when they cannot any more or the deadline has come. */
  quorum(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#wake = (reached) => {
        this.#timer?.();
        this.#wake = undefined;
        resolve(reached);
      };
      if (!this.#started) this.#askFirst();
      this.#hedgeLater();
      this.#check();
    });
  }

  #askFirst(): void {
    this.#started = true;
    const count = Math.max(this.#coordination.quorum.r, this.#coordination.quorum.pr);
    const first = this.#candidates.splice(0, count);
    first.forEach((node, index) => this.#ask(node, index === 0 ? "record" : "digest"));
  }

  #ask(node: NodeId, want: "record" | "digest"): void {
    this.#tally.asked(node);
    void this.#read(node, want).then((read) => {
      this.#count(node, read);
      this.#check();
    });
  }

  #count(node: NodeId, read: ReplicaRead): void {
    const isVote = !("recovering" in read && read.recovering) && this.#parts.isVoter(node);
    if (read.status === "found") {
      const { digest, record, keptFor } = read;
      const found = { kind: "found", digest, record, keptFor: keptFor as NodeId[] } as const;
      if (isVote) this.#tally.voted(node, found);
      else this.#tally.shown(node, found);
    } else if (read.status === "not_found") {
      if (isVote) this.#tally.voted(node, { kind: "not_found" });
      else this.#tally.shown(node, undefined);
    } else this.#tally.lost(node);
    if (read.status === "corrupt") this.#corrupt.add(node);
  }

  #read(node: NodeId, want: "record" | "digest"): Promise<ReplicaRead> {
    const { bucket, key } = this.#key;
    const query = { bucket, key, position: this.#coordination.position, want };
    if (node === this.#parts.self) return this.#parts.store.read(query);
    const timeoutMs = remainingMs(this.#coordination, this.#parts);
    return askToRead(node, query, { timeoutMs, lane: "foreground" }, this.#parts);
  }

  #check(): void {
    if (this.#wake === undefined) return;
    while (!this.#tally.reached && this.#needsAnother()) {
      const next = this.#candidates.shift();
      if (next === undefined) break;
      this.#ask(next, "digest");
    }
    if (this.#tally.reached) this.#wake(true);
    else if (this.#tally.waitingCount === 0) this.#wake(false);
  }

  /** Too few are left who may vote: some were lost, or are no voters. */
  #needsAnother(): boolean {
    const { votes, waitingCount } = this.#tally;
    return waitingCount === 0 || votes.size + waitingCount < this.#coordination.quorum.r;
  }

  #hedgeLater(): void {
    const delayMs = Math.min(hedgeDelayMs("read", this.#parts), remainingMs(this.#coordination, this.#parts));
    this.#timer = this.#parts.timers.after(Math.max(0, delayMs), () => {
      if (remainingMs(this.#coordination, this.#parts) <= 0) return this.#wake?.(false);
      const next = this.#candidates.shift();
      if (next !== undefined) {
        this.#parts.observer.event({ kind: "hedge_sent", operation: "get" });
        this.#ask(next, "digest");
      }
      this.#tally.giveUpOnOwnersUnless(this.#parts.isHealthy);
      this.#hedgeLater();
      this.#check();
    });
  }

  /** Voters whose digest belongs to none of the records at hand. */
  votersWithUnknownRecord(): NodeId[] {
    const known = this.#recordVotes();
    const unknown: NodeId[] = [];
    this.#tally.forEachFound((node, { record, digest }) => {
      if (record !== undefined) return;
      if (!known.some((other) => compareBytes(other.digest, digest) === 0)) unknown.push(node);
    });
    return unknown;
  }

  /** Asks again for the whole record; a voter that has none to show in time is no voter. */
  async fetchRecords(nodes: readonly NodeId[]): Promise<void> {
    const fetched = nodes.map(async (node) => this.#count(node, await this.#read(node, "record")));
    await beforeDeadline(Promise.all(fetched), this.#coordination, this.#parts);
    if (remainingMs(this.#coordination, this.#parts) > 0) return;
    for (const node of this.votersWithUnknownRecord()) this.#tally.lost(node);
  }

  result(reached: boolean): ReadRoundResult {
    const { votes, ownersAnswered } = this.#tally;
    return {
      reached,
      answered: votes.size,
      ownersAnswered,
      votes,
      corrupt: this.#corrupt,
      merged: reached ? this.#merged() : undefined,
    };
  }

  #merged(): ReadRoundResult["merged"] {
    const distinct: FoundRecord[] = [];
    for (const vote of this.#recordVotes()) {
      if (!distinct.some((other) => compareBytes(other.digest, vote.digest) === 0)) distinct.push(vote);
    }
    if (distinct.length === 0) return undefined;
    const [first, ...others] = distinct;
    let record = decodeRecord(first!.record);
    if (others.length === 0) return { record, bytes: first!.record, digest: first!.digest };
    for (const other of others) record = merge(record, decodeRecord(other.record));
    const bytes = encodeRecord(record);
    return { record, bytes, digest: this.#parts.hash.md5(bytes) };
  }

  #recordVotes(): FoundRecord[] {
    const found: FoundRecord[] = [];
    this.#tally.forEachFound((_, { record, digest }) => {
      if (record !== undefined) found.push({ record, digest });
    });
    return found;
  }
}

interface FoundRecord {
  readonly record: Uint8Array;
  readonly digest: Uint8Array;
}
