import { randomInt, randomUUID } from "node:crypto";
import type { RoutingTable } from "../node/contract/admin-types.ts";
import { CONTEXT_HEADER, REQUEST_ID_HEADER } from "../node/contract/http-headers.ts";
import { DynamoError } from "./dynamo-error.ts";
import { EndpointPool } from "./endpoint-pool.ts";
import { Entry } from "./entry.ts";
import { headerOf, isObject, parseJson } from "./http/error-answer.ts";
import { HttpConnections } from "./http/http-exchange.ts";
import { keyPath, nameBytes } from "./http/key-path.ts";
import { readAnswer } from "./http/read-answer.ts";
import { defaultRetryLimits, RetryBudget } from "./retry-policy.ts";
import { RetryingCaller, type Call, type CallResult } from "./retrying-caller.ts";
import { RoutingTableCache } from "./routing-table.ts";
import { encodeValue, type Sibling, type Value } from "./value.ts";

/**
 * DynamoKV for an application (Dynamo §4.4, §4.5): get, put, delete and update over HTTP, with the causal contexts
 * carried inside the entries, siblings merged by the application's own function, and failures of single nodes hidden
 * by retries within a deadline. A put that is retried keeps its request id, so it is stored once.
 *
 *     const client = new DynamoClient({ endpoints: ["http://127.0.0.1:8081"], resolve: mergeCarts });
 *     const cart = await client.get("carts", "alice");
 *     await client.put(cart, { ...(cart.json() as Cart), book: 1 });
 */
export interface DynamoClientOptions {
  /** Client ports of one or more nodes, e.g. "http://127.0.0.1:8081". */
  readonly endpoints: readonly string[];
  /** For a whole call with all its retries; 5,000 by default. */
  readonly timeoutMs?: number;
  /** Attempts after the first; 4 by default. */
  readonly retries?: number;
  /** Makes one value of several concurrent ones. It must not depend on their order, and must lose nothing. */
  readonly resolve?: Resolve;
  /**
   * Ask the owners of a key first. The addresses that nodes advertise must be reachable from here: true inside the
   * cluster's network, seldom through a port-forward or an ingress. False by default.
   */
  readonly routing?: boolean;
  /** Connections to one endpoint; more calls wait. 64 by default. */
  readonly connectionsPerEndpoint?: number;
}

export type Resolve = (siblings: readonly Sibling[]) => Value;

/** A bucket's or key's name: text means its UTF-8 bytes. */
export type Name = string | Uint8Array;

export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Stable across retries of the application itself; a fresh UUID by default. At most 64 visible ASCII characters. */
  readonly requestId?: string;
}

export interface ReadOptions extends CallOptions {
  /** Replicas whose answer is awaited, and how many of them must be owners. */
  readonly r?: number;
  readonly pr?: number;
}

export interface WriteOptions extends CallOptions {
  /** Durable acknowledgements that are awaited, and how many of them must be owners'. */
  readonly w?: number;
  readonly pw?: number;
}

export interface PutOptions extends WriteOptions {
  readonly contentType?: string;
}

export interface UpdateOptions extends PutOptions, ReadOptions {}

/** A key with what is known of it: an Entry, or a context that was kept elsewhere. */
export interface Target {
  readonly bucket: Name;
  readonly key: Name;
  readonly context: string;
}

export class DynamoClient {
  readonly #options: DynamoClientOptions;
  readonly #connections: HttpConnections;
  readonly #caller: RetryingCaller;
  readonly #routes: RoutingTableCache | undefined;

  /** Throws DynamoError invalid_argument for an endpoint that is none. Opens no connection yet. */
  constructor(options: DynamoClientOptions) {
    const pool = new EndpointPool(options.endpoints, randomInt(1 << 20));
    const limits = { ...defaultRetryLimits, retries: options.retries ?? defaultRetryLimits.retries };
    this.#options = options;
    this.#connections = new HttpConnections(options.connectionsPerEndpoint ?? 64);
    const endpointSilent = (): void => this.#routes?.doubt(performance.now());
    const ports = { connections: this.#connections, pool, budget: new RetryBudget(limits), endpointSilent };
    this.#caller = new RetryingCaller(ports, limits);
    const scheme = new URL(pool.configured[0]!).protocol;
    this.#routes = options.routing ? new RoutingTableCache(() => this.ring(), scheme) : undefined;
  }

  /** What is there now: see Entry. A key that does not exist is an entry without siblings, not an error. */
  async get(bucket: Name, key: Name, options: ReadOptions = {}): Promise<Entry> {
    const query = quorumQuery({ r: options.r, pr: options.pr });
    const call = this.#call({ method: "GET", bucket, key, query, expected: [200, 300, 404] }, options);
    const { answer, endpoint } = await this.#caller.call(call);
    const read = readAnswer(answer, { endpoint, requestId: call.requestId, writes: false });
    const { resolve } = this.#options;
    if (read.siblings.length < 2 || resolve === undefined) return new Entry({ bucket, key, ...read });
    return new Entry({ bucket, key, ...read, resolved: resolvedBy(resolve, read.siblings) });
  }

  /**
   * Replaces what `target` had read; values that were written meanwhile stay beside the new one as siblings. Answers
   * the entry as written, whose context covers exactly what was read and this write: it can be put again.
   */
  async put(target: Target, value: Value, options: PutOptions = {}): Promise<Entry> {
    const { bucket, key } = target;
    const { bytes, contentType } = encodeValue(value, options.contentType);
    const call = this.#write({ method: "PUT", target, contentType, body: bytes }, options);
    const context = await this.#written(call);
    return new Entry({
      bucket,
      key,
      context,
      siblings: [{ value: bytes, contentType, modified: new Date() }],
    });
  }

  /** A put without a context: replaces nothing, so the value stands beside whatever is there. For keys known to be new. */
  putBlind(bucket: Name, key: Name, value: Value, options: PutOptions = {}): Promise<Entry> {
    return this.put({ bucket, key, context: "" }, value, options);
  }

  /** With an entry: removes what it had read. With a name: what is there now. True is not asked: there may be nothing. */
  delete(target: Target, options?: WriteOptions): Promise<Entry>;
  delete(bucket: Name, key: Name, options?: WriteOptions): Promise<Entry>;
  async delete(first: Target | Name, second?: Name | WriteOptions, third?: WriteOptions): Promise<Entry> {
    const named = typeof first === "string" || first instanceof Uint8Array;
    const target = named ? { bucket: first, key: second as Name, context: "" } : first;
    const options = (named ? third : (second as WriteOptions | undefined)) ?? {};
    const call = this.#write({ method: "DELETE", target }, options);
    const { bucket, key } = target;
    return new Entry({ bucket, key, siblings: [], context: await this.#written(call) });
  }

  /**
   * Read, let `change` make the new value of the current one (undefined where there is none), write it with the
   * context of the read. Siblings go through the resolver first. `change` may answer undefined to leave all as it
   * is. It is called once: a concurrent writer does not make the put fail, it makes a sibling for the next read.
   */
  async update(
    bucket: Name,
    key: Name,
    change: (current: Sibling | undefined, entry: Entry) => Value | undefined | Promise<Value | undefined>,
    options: UpdateOptions = {},
  ): Promise<Entry> {
    const deadlineMs = performance.now() + this.#timeoutMs(options);
    const { requestId: _write, ...readOptions } = options;
    const entry = await this.get(bucket, key, readOptions);
    const value = await change(entry.current, entry);
    if (value === undefined) return entry;
    return this.put(entry, value, { ...options, timeoutMs: Math.max(1, deadlineMs - performance.now()) });
  }

  /** The routing table: who owns which partition, and where they are. */
  async ring(options: CallOptions = {}): Promise<RoutingTable> {
    const requestId = options.requestId ?? randomUUID();
    const headers = { [REQUEST_ID_HEADER]: requestId };
    const path = "/v1/ring";
    const { signal } = options;
    const timeoutMs = this.#timeoutMs(options);
    const plain = {
      method: "GET",
      query: "",
      body: undefined,
      expected: [200],
      preferred: [],
      writes: false,
    } as const;
    const { answer, endpoint } = await this.#caller.call({
      ...plain,
      path,
      headers,
      requestId,
      timeoutMs,
      signal,
    });
    const table = parseJson(answer.body);
    if (isObject(table) && Array.isArray(table["owners"]) && Array.isArray(table["members"])) {
      return table as unknown as RoutingTable;
    }
    throw new DynamoError(`${endpoint} answered no routing table`, {
      code: "bad_answer",
      requestId,
      endpoint,
    });
  }

  /** Closes the connections. Calls under way fail. */
  close(): void {
    this.#connections.close();
  }

  #write(
    write: { method: "PUT" | "DELETE"; target: Target; contentType?: string; body?: Uint8Array },
    options: WriteOptions,
  ): Call {
    const { method, body, contentType, target } = write;
    const { bucket, key, context } = target;
    const query = quorumQuery({ w: options.w, pw: options.pw });
    const headers = {
      ...(context === "" ? {} : { [CONTEXT_HEADER]: context }),
      ...(contentType === undefined ? {} : { "Content-Type": contentType }),
    };
    const call = this.#call({ method, bucket, key, query, expected: [204] }, options);
    return { ...call, body, writes: true, headers: { ...call.headers, ...headers } };
  }

  async #written(call: Call): Promise<string> {
    const { answer }: CallResult = await this.#caller.call(call);
    return headerOf(answer, CONTEXT_HEADER);
  }

  #call(
    what: { method: Call["method"]; bucket: Name; key: Name; query: string; expected: readonly number[] },
    options: CallOptions,
  ): Call {
    const { method, bucket, key, query, expected } = what;
    const requestId = options.requestId ?? randomUUID();
    const names = { bucket: nameBytes(bucket, "bucket"), key: nameBytes(key, "key") };
    const preferred = this.#routes?.ownersOf(names.bucket, names.key, performance.now()) ?? [];
    const headers = { [REQUEST_ID_HEADER]: requestId };
    const timeoutMs = this.#timeoutMs(options);
    const path = keyPath(names.bucket, names.key);
    const { signal } = options;
    return {
      method,
      path,
      query,
      headers,
      body: undefined,
      requestId,
      timeoutMs,
      signal,
      writes: false,
      expected,
      preferred,
    };
  }

  #timeoutMs(options: CallOptions): number {
    return options.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
  }
}

const TIMEOUT_MS_DEFAULT = 5_000;

function quorumQuery(quorums: Readonly<Record<string, number | undefined>>): string {
  return Object.entries(quorums)
    .filter(([, count]) => count !== undefined)
    .map(([name, count]) => `${name}=${count}`)
    .join("&");
}

function resolvedBy(resolve: Resolve, siblings: readonly Sibling[]): Sibling {
  const { bytes, contentType } = encodeValue(resolve(siblings), undefined);
  return { value: bytes, contentType, modified: undefined };
}
