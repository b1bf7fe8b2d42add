import { ClusterSecret } from "../../../../node/adapters/cluster-secret.ts";
import { KeyedHash } from "../../../../node/adapters/keyed-hash.ts";
import type {
  DeleteRequest,
  Failure,
  GetRequest,
  KeyOfBucket,
  PutRequest,
  ReadOutcome,
  WriteOutcome,
} from "../../../../node/core/coordinator/requests.ts";
import { positionOf } from "../../../../node/core/ring/position.ts";
import { type ContextScope, openContext, sealContext } from "../../../../node/core/version/context.ts";
import { emptyCoverage, withDot } from "../../../../node/core/version/coverage.ts";
import { parseActorId } from "../../../../node/core/version/dot.ts";
import { type KeyRecord, put, visibleSiblings } from "../../../../node/core/version/record.ts";
import type { KeyValueService } from "../../../../node/http/kv-service.ts";

/**
 * One node's worth of key-value store in a Map, on the real versions and contexts, with no peers and no disk: enough
 * to show that the HTTP face carries everything both ways. `N` is 3 and all owners always answer.
 */
const N = 3;
const SIBLINGS_MAX = 100;
const ACTOR = parseActorId("00000000000000aa#1");

export class MemoryKeyValueService implements KeyValueService {
  readonly #records = new Map<string, KeyRecord>();
  readonly #hash: KeyedHash;
  #n = 0;
  /** Each call in order: what reached the coordinator. */
  readonly puts: PutRequest[] = [];
  readonly gets: GetRequest[] = [];
  readonly deletes: DeleteRequest[] = [];
  /** Where set, the next outcomes of writes and reads. */
  failure: Failure | undefined;
  /** Where set, requests wait for it. */
  gate: Promise<void> | undefined;

  constructor() {
    const key = { id: 1, bytes: new Uint8Array(32).fill(7), retiredMs: undefined };
    this.#hash = new KeyedHash(new ClusterSecret([key], () => 0));
  }

  async put(request: PutRequest): Promise<WriteOutcome> {
    this.puts.push(request);
    await this.gate;
    const { r, w, pr, pw } = request.options;
    if (this.failure !== undefined) return this.failure;
    if (Math.max(r ?? 0, w ?? 0, pr ?? 0, pw ?? 0) > N) return failed("invalid_quorum", `more than N=${N}`);
    return this.#write(request, request.context, { tombstone: false, value: request.value });
  }

  async get(request: GetRequest): Promise<ReadOutcome> {
    this.gets.push(request);
    await this.gate;
    if (this.failure !== undefined) return this.failure;
    if ((request.options.r ?? 0) > N) return failed("invalid_quorum", `more than N=${N}`);
    const record = this.#records.get(nameOf(request));
    return {
      kind: "read",
      siblings: record === undefined ? [] : visibleSiblings(record),
      context: this.#contextOf(request, record),
      ownersAnswered: request.options.r ?? 2,
      ownersTotal: N,
    };
  }

  async delete(request: DeleteRequest): Promise<WriteOutcome> {
    this.deletes.push(request);
    await this.gate;
    if (this.failure !== undefined) return this.failure;
    const record = this.#records.get(nameOf(request));
    if (request.context === undefined && record === undefined) {
      return { kind: "written", context: new Uint8Array(0) };
    }
    const context = request.context ?? this.#contextOf(request, record);
    return this.#write(request, context, { tombstone: true, value: new Uint8Array(0) });
  }

  #write(
    request: PutRequest | DeleteRequest,
    context: Uint8Array,
    { tombstone, value }: { tombstone: boolean; value: Uint8Array },
  ): WriteOutcome {
    const opened = openContext(context, this.#scope(request), this.#hash);
    if (!opened.ok) return failed(opened.code, opened.message);
    const dot = { actor: ACTOR, n: ++this.#n };
    const contentType = "contentType" in request ? request.contentType : "";
    const { bucket, key, requestId } = request;
    const record = put(this.#records.get(nameOf(request)) ?? emptyRecord(bucket, key), {
      seen: opened.coverage,
      dot,
      value: { tombstone, value: value.slice(), contentType, modifiedMs: 1_700_000_000_123, requestId },
    });
    if (record.siblings.length > SIBLINGS_MAX) return failed("too_many_siblings", "read and resolve them");
    this.#records.set(nameOf(request), record);
    const sealed = sealContext(withDot(opened.coverage, dot), this.#scope(request), this.#hash);
    return { kind: "written", context: sealed };
  }

  #contextOf(name: KeyOfBucket, record: KeyRecord | undefined): Uint8Array {
    return record === undefined
      ? new Uint8Array(0)
      : sealContext(record.coverage, this.#scope(name), this.#hash);
  }

  #scope(name: KeyOfBucket): ContextScope {
    return { clusterId: "memory", position: positionOf(name, this.#hash) };
  }
}

export function failed(code: Failure["code"], message: string, maybeApplied = false): Failure {
  return { kind: "failed", code, message, maybeApplied, context: new Uint8Array(0) };
}

function nameOf({ bucket, key }: KeyOfBucket): string {
  return `${Buffer.from(bucket).toString("hex")}/${Buffer.from(key).toString("hex")}`;
}

function emptyRecord(bucket: Uint8Array, key: Uint8Array): KeyRecord {
  return { bucket, key, coverage: emptyCoverage, siblings: [], unknownFields: [] };
}
