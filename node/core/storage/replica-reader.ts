import { type Database, DatabaseFailure, type StoredRow } from "../ports/database.ts";
import type { Digester } from "../ports/hash.ts";
import type { MessagePipe } from "../ports/message-pipe.ts";
import type { ReplicaQuery, ReplicaRead } from "../ports/replica-store.ts";
import { decodeHintQuery, encodeHints } from "./hint-codec.ts";
import { decodeQueries, encodeAnswers, READER_MESSAGE } from "./read-codec.ts";
import { hasSoundDigest, keyOfRecord, sameKey } from "./row-check.ts";
import { decodeRecord, encodeRecord } from "../version/record-codec.ts";
import { MalformedBytes } from "../bytes/byte-reader.ts";
import { isMarker } from "./marker-hint.ts";
import { answerMerkle } from "./merkle-reader.ts";
import { readHints } from "./hint-reader.ts";
import { merge } from "../version/record.ts";

/**
 * A reader's engine: it answers queries from committed data only, one short read transaction a message, so that no
 * read holds up a checkpoint. Every row is checked before it leaves (row-check.ts). A key may lie in both databases,
 * as this node's own copy and as one kept for others: the answer is their merge.
 */
export interface ReplicaReaderParts {
  readonly data: Database;
  readonly hints: Database;
  readonly pipe: MessagePipe;
  readonly hash: Digester;
}

type FoundRow = StoredRow | "absent" | "corrupt" | "collision";

const COLLISION = "another bucket and key with the same MD5 is stored at this position";

export class ReplicaReader {
  readonly #parts: ReplicaReaderParts;
  #dataRowsCorrupt = 0;
  #hintRowsCorrupt = 0;

  constructor(parts: ReplicaReaderParts) {
    this.#parts = parts;
    parts.pipe.onMessage((message) => this.#receive(message));
  }

  #receive(message: Uint8Array): void {
    const { data, hash, pipe } = this.#parts;
    const kind = message[0];
    if (kind === READER_MESSAGE.hints) {
      pipe.post(encodeHints(readHints(decodeHintQuery(message), this.#parts, hash)));
    } else if (kind === READER_MESSAGE.merkle) {
      pipe.post(answerMerkle(message, data, hash));
    } else {
      this.#answer(decodeQueries(message));
    }
  }

  #answer(queries: readonly ReplicaQuery[]): void {
    this.#dataRowsCorrupt = 0;
    this.#hintRowsCorrupt = 0;
    const reads = this.#readAll(queries);
    const facts = { dataRowsCorrupt: this.#dataRowsCorrupt, hintRowsCorrupt: this.#hintRowsCorrupt };
    this.#parts.pipe.post(encodeAnswers({ ...facts, reads }));
  }

  #readAll(queries: readonly ReplicaQuery[]): ReplicaRead[] {
    const { data, hints } = this.#parts;
    try {
      data.begin();
      hints.begin();
      const anyHints = mayHoldRows(hints);
      const reads = queries.map((query) => this.#read(query, anyHints));
      hints.commit();
      data.commit();
      return reads;
    } catch (error) {
      data.rollback();
      hints.rollback();
      if (!(error instanceof DatabaseFailure)) throw error;
      const { message } = error;
      return queries.map(() => ({ status: "failed", message }));
    }
  }

  #read(query: ReplicaQuery, anyHints: boolean): ReplicaRead {
    const own = this.#find(this.#parts.data, query);
    const kept = anyHints ? this.#find(this.#parts.hints, query) : "absent";
    if (own === "corrupt") this.#dataRowsCorrupt += 1;
    if (kept === "corrupt") this.#hintRowsCorrupt += 1;
    if (own === "collision" || kept === "collision") return { status: "failed", message: COLLISION };
    // A lost hint does not spoil this node's own copy; a lost copy of its own is not healed by a hint.
    if (own === "corrupt" || (own === "absent" && kept === "corrupt")) return { status: "corrupt" };
    if (own === "absent" && kept === "absent") return { status: "not_found" };
    if (own === "absent") return found(kept as StoredRow, query);
    if (kept === "absent" || kept === "corrupt") return found(own, query);
    return this.#foundBoth(own, kept, query);
  }

  #find(database: Database, query: ReplicaQuery): FoundRow {
    const row = database.read(query.position);
    if (row === undefined || isMarker(row)) return "absent";
    if (!hasSoundDigest(row, this.#parts.hash)) return "corrupt";
    return unlessMalformed(() => (sameKey(keyOfRecord(row.record), query) ? row : "collision"));
  }

  #foundBoth(own: StoredRow, kept: StoredRow, query: ReplicaQuery): ReplicaRead {
    const record = unlessMalformed(() =>
      encodeRecord(merge(decodeRecord(own.record), decodeRecord(kept.record))),
    );
    if (record === "corrupt") return { status: "corrupt" };
    return found({ ...kept, record, digest: this.#parts.hash.md5(record) }, query);
  }
}

/** Where the file is damaged, each row is looked for. */
function mayHoldRows(database: Database): boolean {
  try {
    return database.scan(undefined, 1).length > 0;
  } catch (error) {
    if (error instanceof DatabaseFailure && error.code === "damaged") return true;
    throw error;
  }
}

function found({ record, digest, keptFor }: StoredRow, { want }: ReplicaQuery): ReplicaRead {
  return { status: "found", record: want === "record" ? record : undefined, digest, keptFor };
}

function unlessMalformed<T>(decode: () => T): T | "corrupt" {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedBytes) return "corrupt";
    throw error;
  }
}
