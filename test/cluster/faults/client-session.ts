import { randomInt } from "node:crypto";
import type { DynamoClient } from "../../../client/dynamo-client.ts";
import { DynamoError } from "../../../client/dynamo-error.ts";
import type { Entry } from "../../../client/entry.ts";
import { decodeFaultValue, encodeFaultValue, type FaultValue } from "./fault-value.ts";
import type { History, Write } from "./history.ts";
import type { Operation, OperationLog } from "./operation-log.ts";

/**
 * One client of a workload, on one side of the fault. It makes one call at a time, each of one attempt (a retry of the
 * library would hide both the fault and which dot is whose), notes what it was told, and remembers for each key the
 * last context that it was given together with the writes that this context covers.
 */
export interface SessionOptions {
  /** Unique in the run; part of the ids of its writes. */
  readonly name: string;
  readonly side: string;
  readonly workload: string;
  readonly bucket: string;
  readonly client: DynamoClient;
  readonly quorums: Quorums;
  /** A node that the client reaches may be no member of the ring, and refuse: no fault of the members. */
  readonly mayBeOutside: boolean;
  readonly history: History;
  readonly log: OperationLog;
}

/** Copies that a call waits for, and how many of them must be owners'. */
export interface Quorums {
  readonly r: number;
  readonly w: number;
  readonly pr?: number;
  readonly pw?: number;
}

/** What is known of a key: what to send with the next write, and what the workload may merge it with. */
export interface Known {
  readonly context: string;
  /** Ids of the writes that were shown when the context was given. */
  readonly saw: readonly string[];
}

export interface Shown extends Known {
  readonly key: string;
  readonly values: readonly FaultValue[];
  /** Values whose checksum does not match. */
  readonly corrupt: number;
}

export const NOTHING_KNOWN: Known = { context: "", saw: [] };
const PADDING_MAX = 1_000;
/** Ids of known writes that a context is sent with; beyond it a client reads again. */
const KNOWN_KEYS_MAX = 1_000;

const FATES = { ok: "ok", refused: "fail", outside: "fail", unknown: "info" } as const;

export class ClientSession {
  readonly name: string;
  readonly history: History;
  readonly #options: SessionOptions;
  readonly #known = new Map<string, Known>();
  #writes = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.name = options.name;
    this.history = options.history;
  }

  /** What this client was last told of the key. */
  known(key: string): Known {
    return this.#known.get(key) ?? NOTHING_KNOWN;
  }

  /** Undefined where the cluster did not answer. */
  async read(key: string): Promise<Shown | undefined> {
    const { client, bucket } = this.#options;
    const { result } = await this.#timed("read", () => client.get(bucket, key, this.#reading));
    if (result === undefined) return undefined;
    const shown = shownBy(key, result);
    this.#remember(key, shown);
    return shown;
  }

  /** Answers the write with its outcome. */
  async put(
    key: string,
    known: Known,
    content: Pick<FaultValue, "elements" | "counts"> = {},
  ): Promise<Write> {
    const { client, bucket } = this.#options;
    const write = this.#begin("put", key, known);
    const value = encodeFaultValue({ id: write.id, key, saw: known.saw, ...content }, randomInt(PADDING_MAX));
    return this.#settle(write, () =>
      client.put({ bucket, key, context: known.context }, value, { requestId: write.id, ...this.#writing }),
    );
  }

  /** With what is known of the key; without a context the cluster would delete what this client never saw. */
  async delete(key: string, known: Known): Promise<Write> {
    const { client, bucket } = this.#options;
    const write = this.#begin("delete", key, known);
    return this.#settle(write, () =>
      client.delete({ bucket, key, context: known.context }, { requestId: write.id, ...this.#writing }),
    );
  }

  get #reading(): { r: number; pr?: number } {
    const { r, pr } = this.#options.quorums;
    return pr === undefined ? { r } : { r, pr };
  }

  get #writing(): { w: number; pw?: number } {
    const { w, pw } = this.#options.quorums;
    return pw === undefined ? { w } : { w, pw };
  }

  #begin(kind: "put" | "delete", key: string, { saw, context }: Known): Write {
    this.#writes += 1;
    return this.history.begin({ kind, id: `${this.name}.${this.#writes}`, key, saw, context });
  }

  async #settle(write: Write, call: () => Promise<Entry>): Promise<Write> {
    write.attempts = 1;
    const { result, outcome } = await this.#timed("write", call);
    this.history.end(write, FATES[outcome]);
    if (result !== undefined) {
      this.#remember(write.key, { context: result.context, saw: [...write.saw, write.id] });
    }
    return write;
  }

  #remember(key: string, { context, saw }: Known): void {
    this.#known.delete(key);
    this.#known.set(key, { context, saw });
    if (this.#known.size > KNOWN_KEYS_MAX) this.#known.delete(this.#known.keys().next().value!);
  }

  async #timed<T>(
    kind: "read" | "write",
    call: () => Promise<T>,
  ): Promise<{ result: T | undefined; outcome: Operation["outcome"] }> {
    const { side, workload, log, mayBeOutside } = this.#options;
    const startedMs = performance.now();
    const end = (outcome: Operation["outcome"]): void =>
      log.add({ side, workload, kind, startedMs, endedMs: performance.now(), outcome });
    try {
      const result = await call();
      end("ok");
      return { result, outcome: "ok" };
    } catch (error) {
      if (!(error instanceof DynamoError)) throw error;
      const isOutside = mayBeOutside && error.code === "no_ring";
      const outcome = error.maybeApplied ? "unknown" : isOutside ? "outside" : "refused";
      end(outcome);
      this.history.errors.push(`${kind} by ${this.name}: ${error.code} ${error.message}`);
      return { result: undefined, outcome };
    }
  }
}

export function shownBy(key: string, entry: Entry): Shown {
  const decoded = entry.siblings.map(({ value }) => decodeFaultValue(value));
  const values = decoded.filter((value) => value !== undefined);
  // A value under another key than it was written to counts as one that nobody wrote here.
  const saw = values.map((value) => (value.key === key ? value.id : `${value.id} of ${value.key}`));
  return { key, values, saw, corrupt: decoded.length - values.length, context: entry.context };
}
