import type { NodeId } from "../node-id.ts";
import type { ReplicaRead } from "../ports/replica-store.ts";
import type { CancelTimer } from "../ports/timers.ts";
import { ReadTally, type Vote } from "../quorum/read-tally.ts";
import type { RingNumber } from "../ring/ring-number.ts";
import { standIns } from "../ring/sloppy-quorum.ts";
import { compareBytes, type KeyRecord, merge } from "../version/record.ts";
import { decodeRecord, encodeRecord } from "../version/record-codec.ts";
import {
  beforeDeadline,
  bestFirst,
  type Coordination,
  type CoordinatorParts,
  hedgeDelayMs,
  isFencedHere,
  planAnew,
  remainingMs,
} from "./coordination.ts";
import { askToRead, type StaleRing } from "./replica-calls.ts";
import type { KeyOfBucket } from "./requests.ts";

/** What the replicas said of one key, merged. */
export interface ReadRoundResult {
  readonly reached: boolean;
  /** The plan by a later ring, which a replica has refused this one for: nothing else of the result counts then. */
  readonly replanned: Coordination | undefined;
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
  /** The rest is not among them yet: where every owner is healthy hardly a read comes to it, and a large ring has many. */
  #lacksOthers = false;
  readonly #corrupt = new Set<NodeId>();
  #started = false;
  #timer: CancelTimer | undefined;
  #wake: ((reached: boolean) => void) | undefined;
  #replanned: Coordination | undefined;

  constructor(key: KeyOfBucket, coordination: Coordination, parts: CoordinatorParts) {
    this.#key = key;
    this.#coordination = coordination;
    this.#parts = parts;
    const { routes, zoneOf, quorum } = coordination;
    const list = routes.read;
    const healthyOwners = list.owners.filter(parts.isHealthy);
    this.#tally = new ReadTally(quorum, { owners: list.owners, healthyOwners });
    const owners = bestFirst(list.owners, coordination, parts);
    this.#candidates = owners;
    this.#lacksOthers = owners.length === list.owners.length;
    if (this.#lacksOthers) return;
    const others = bestFirst(list.fallbacks, coordination, parts);
    // Reads and writes use the same first N healthy nodes: else R + W > N says nothing while an owner is away.
    const firstN = standIns({ list, zoneOf, isHealthy: parts.isHealthy }).map(({ node }) => node);
    this.#candidates = [...new Set([...owners, ...firstN, ...others])];
  }

  /** Resolves true when R votes count, false when they cannot any more, the deadline has come or the read is planned anew. */
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
      void this.#heard(node, read);
      this.#check();
    });
  }

  /** Counts the answer; resolves once that is done where a later ring has to be fetched first. */
  #heard(node: NodeId, read: ReplicaRead | StaleRing): Promise<void> | undefined {
    if (read.status === "stale") return this.#refused(node, read.theirs);
    if (node === this.#parts.self && isFencedHere(this.#coordination, this.#parts))
      return this.#refused(node, this.#coordination.ring);
    this.#count(node, read);
    return undefined;
  }

  /** Where its ring is not to be had, the round goes on without it. */
  async #refused(node: NodeId, theirs: RingNumber): Promise<void> {
    await this.#parts.ring.catchUp(node, theirs);
    this.#replanned ??= planAnew(this.#coordination, this.#parts);
    this.#count(node, { status: "failed", message: "stale ring" });
    this.#check();
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
    } else {
      this.#tally.lost(node);
      this.#tally.giveUpOnOwnersUnless(this.#parts.isHealthy);
    }
    if (read.status === "corrupt") this.#corrupt.add(node);
  }

  #read(node: NodeId, want: "record" | "digest"): Promise<ReplicaRead | StaleRing> {
    const { bucket, key } = this.#key;
    const query = { bucket, key, position: this.#coordination.position, want };
    if (node === this.#parts.self) return this.#parts.store.read(query);
    const terms = {
      timeoutMs: remainingMs(this.#coordination, this.#parts),
      lane: "foreground",
      planned: this.#coordination.ring,
    } as const;
    return askToRead(node, query, terms, this.#parts);
  }

  #check(): void {
    if (this.#wake === undefined) return;
    if (this.#replanned !== undefined) return this.#wake(false);
    while (!this.#tally.reached && this.#needsAnother()) {
      const next = this.#nextCandidate();
      if (next === undefined) break;
      this.#ask(next, "digest");
    }
    if (this.#tally.reached) this.#wake(true);
    else if (this.#tally.waitingCount === 0) this.#wake(false);
  }

  #nextCandidate(): NodeId | undefined {
    if (this.#candidates.length === 0 && this.#lacksOthers) {
      this.#lacksOthers = false;
      const { fallbacks } = this.#coordination.routes.read;
      this.#candidates.push(...bestFirst(fallbacks, this.#coordination, this.#parts));
    }
    return this.#candidates.shift();
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
      const next = this.#nextCandidate();
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
    const fetched = nodes.map(async (node) => this.#heard(node, await this.#read(node, "record")));
    await beforeDeadline(Promise.all(fetched), this.#coordination, this.#parts);
    if (remainingMs(this.#coordination, this.#parts) > 0) return;
    for (const node of this.votersWithUnknownRecord()) this.#tally.lost(node);
  }

  result(reached: boolean): ReadRoundResult {
    const { votes, ownersAnswered } = this.#tally;
    return {
      reached,
      replanned: this.#replanned,
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
