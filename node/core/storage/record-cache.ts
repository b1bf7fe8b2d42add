import type { DroppedRow, MisplacedStore } from "../ports/misplaced-store.ts";
import type {
  CacheableStore,
  CoordinatedWrite,
  IncomingRecord,
  Merged,
  MissedByOwners,
  ReplicaQuery,
  ReplicaRead,
  ReplicaStore,
  Stored,
} from "../ports/replica-store.ts";
import type { Sealing, SealStore } from "../ports/seal-store.ts";
import type { SealedRow } from "../seal/sealed-record.ts";
import { compareBytes } from "../version/record.ts";

/**
 * Remembers what the readers answered of hot keys, so that a get of one costs no message to a thread: on a busy
 * machine that message costs more than the read. It only ever holds what was read from disk and verified.
 *
 * Invariant: an entry is what is committed. A write takes its key out when it is submitted, and what a read brings is
 * kept only if no write of the key was under way at any time between the question and the answer. Where a repair
 * changed rows by another way than a write of their keys, everything goes: it is rare, and rot spares no key for being
 * hot. Copies that are kept for other owners are never cached. Bounded in bytes; the least recently used goes first.
 */
export class RecordCache implements ReplicaStore, MisplacedStore {
  readonly #store: ReplicaStore & MisplacedStore & Pick<SealStore, "seal">;
  readonly #bytesMax: number;
  /** In order of use, the latest last. */
  readonly #entries = new Map<string, Entry>();
  /** Writes under way, by place. */
  readonly #writes = new Map<string, number>();
  /** Reads under way whose answers may be kept, by place. */
  readonly #fills = new Map<string, symbol>();
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  constructor(store: CacheableStore & MisplacedStore & Pick<SealStore, "seal">, bytesMax: number) {
    this.#store = store;
    this.#bytesMax = bytesMax;
    store.onRowsRestored(() => this.#clear());
  }

  coordinate(write: CoordinatedWrite): { merged: Promise<Merged>; durable: Promise<Stored> } {
    const place = this.#writeBegins(write.position);
    const answers = this.#store.coordinate(write);
    void answers.durable.then(() => this.#writeEnds(place));
    return answers;
  }

  store(incoming: IncomingRecord): Promise<Stored> {
    const place = this.#writeBegins(incoming.position);
    const stored = this.#store.store(incoming);
    void stored.then(() => this.#writeEnds(place));
    return stored;
  }

  dropRows(rows: readonly DroppedRow[]): Promise<Stored> {
    const places = rows.map(({ position }) => this.#writeBegins(position));
    const dropped = this.#store.dropRows(rows);
    void dropped.then(() => places.forEach((place) => this.#writeEnds(place)));
    return dropped;
  }

  /** A sealed tombstone that went on being shown would be repaired back onto those that forgot it. */
  async seal(rows: readonly SealedRow[]): Promise<Sealing> {
    const places = rows.map(({ position }) => this.#writeBegins(position));
    const sealing = await this.#store.seal(rows);
    for (const place of places) this.#writeEnds(place);
    return sealing;
  }

  /** Changes no copy. */
  mark(missed: MissedByOwners): Promise<Stored> {
    return this.#store.mark(missed);
  }

  read(query: ReplicaQuery): Promise<ReplicaRead> {
    const place = placeOf(query.position);
    const entry = this.#entries.get(place);
    const answer = entry === undefined ? undefined : answerOf(entry, query);
    if (entry !== undefined && answer !== undefined) {
      this.#hits += 1;
      this.#entries.delete(place);
      this.#entries.set(place, entry);
      return answer;
    }
    this.#misses += 1;
    const read = this.#store.read(query);
    if (this.#bytesMax === 0 || this.#writes.has(place)) return read;
    const fill = Symbol(place);
    this.#fills.set(place, fill);
    return read.then((found) => {
      if (this.#fills.get(place) !== fill) return found;
      this.#fills.delete(place);
      this.#keep(place, query, found);
      return found;
    });
  }

  oldestWriteAgeMs(): number {
    return this.#store.oldestWriteAgeMs();
  }

  /** For metrics. */
  counts(): { readonly hits: number; readonly misses: number; readonly bytes: number } {
    return { hits: this.#hits, misses: this.#misses, bytes: this.#bytes };
  }

  #writeBegins(position: Uint8Array): string {
    const place = placeOf(position);
    this.#writes.set(place, (this.#writes.get(place) ?? 0) + 1);
    this.#fills.delete(place);
    this.#drop(place);
    return place;
  }

  #writeEnds(place: string): void {
    const left = (this.#writes.get(place) ?? 1) - 1;
    if (left === 0) this.#writes.delete(place);
    else this.#writes.set(place, left);
  }

  #keep(place: string, query: ReplicaQuery, found: ReplicaRead): void {
    if (found.status !== "found" || found.keptFor.length > 0) return;
    const recordBytes = found.record?.length ?? 0;
    if (recordBytes > RECORD_BYTES_MAX) return;
    this.#drop(place);
    // Copies: the answer's bytes are views that would keep the whole message of a reader alive.
    const record = found.record?.slice();
    const digest = found.digest.slice();
    const answer = { status: "found", digest, keptFor: [] } as const;
    const bytes = ENTRY_BYTES + recordBytes + query.bucket.length + query.key.length;
    this.#entries.set(place, {
      bucket: query.bucket.slice(),
      key: query.key.slice(),
      bytes,
      digest: Promise.resolve({ ...answer, record: undefined }),
      record: record === undefined ? undefined : Promise.resolve({ ...answer, record }),
    });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#drop(oldest);
    }
  }

  /** Also what is being read: the answer may be of before. */
  #clear(): void {
    this.#fills.clear();
    this.#entries.clear();
    this.#bytes = 0;
  }

  #drop(place: string): void {
    const entry = this.#entries.get(place);
    if (entry === undefined) return;
    this.#entries.delete(place);
    this.#bytes -= entry.bytes;
  }
}

/** Larger records are worth their message. */
const RECORD_BYTES_MAX = 64 * 1024;
/** What an entry costs beside the bytes of record and key. */
const ENTRY_BYTES = 512;

interface Entry {
  readonly bucket: Uint8Array;
  readonly key: Uint8Array;
  readonly bytes: number;
  readonly digest: Promise<ReplicaRead>;
  /** Undefined where only the digest was asked for. */
  readonly record: Promise<ReplicaRead> | undefined;
}

/** Two keys can share a position (MD5 collisions are makeable): the key itself decides. */
function answerOf(entry: Entry, { bucket, key, want }: ReplicaQuery): Promise<ReplicaRead> | undefined {
  if (compareBytes(entry.key, key) !== 0 || compareBytes(entry.bucket, bucket) !== 0) return undefined;
  return entry[want];
}

/** The 16 bytes as text. One call with 16 arguments takes a sixth of the time of a loop that joins characters. */
function placeOf(p: Uint8Array): string {
  // prettier-ignore
  return String.fromCharCode(
    p[0]!, p[1]!, p[2]!, p[3]!, p[4]!, p[5]!, p[6]!, p[7]!,
    p[8]!, p[9]!, p[10]!, p[11]!, p[12]!, p[13]!, p[14]!, p[15]!,
  );
}
