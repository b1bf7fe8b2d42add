import { randomInt } from "node:crypto";
import { DynamoClient, type Target } from "../../../client/dynamo-client.ts";
import { DynamoError } from "../../../client/dynamo-error.ts";
import type { Entry } from "../../../client/entry.ts";
import { decodeValue, encodeValue } from "../../simulator/workload/written-value.ts";
import { countAttempts } from "./attempt-count.ts";
import { acknowledged, checkShown, type Shown, type Violation } from "./checker.ts";
import { History, type Write } from "./history.ts";

/**
 * Clients that read and write until they are told to stop, through the client library, and note what they were told.
 * Half of the writes go to keys of their own, which nothing may ever supersede; the rest share a few hot keys, with
 * the contexts that were read, without one, and as deletes. Three nodes with R + W > N have no stand-ins, so every
 * read is held against what was acknowledged before it began.
 */
export interface WorkloadOptions {
  /** Goes before every key and id; tells the workloads of one cluster apart. */
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly clients: number;
  /** Attempts of a call after its first; the library's default where undefined. */
  readonly retries?: number;
  readonly timeoutMs?: number;
  /** Most time that a client thinks between two calls. */
  readonly thinkMsMax: number;
  /** Keys that `load` puts before the start; most of what is not put to keys of their own then goes to these. */
  readonly loaded?: number;
  /** Most bytes that make a value longer. */
  readonly paddingMax?: number;
}

interface Known extends Target {
  readonly key: string;
  readonly saw: readonly string[];
}

const BUCKET = "faults";
const HOT_KEYS = 8;
/** Of the calls to shared keys, where some were loaded. */
const HOT_PERCENT = 10;
const LOAD_PARALLEL = 64;
const PADDING_MAX = 2_000;
const RANDOM_MOMENT_MS = 60;

export class Workload {
  readonly history = new History();
  /** What reads showed while the load ran. */
  readonly violations: Violation[] = [];
  readonly #options: WorkloadOptions;
  readonly #client: DynamoClient;
  readonly #known = new Map<string, Known>();
  #begun = 0;
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();
  #stopCounting: () => void = () => undefined;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#client = clientOf(options);
  }

  /** Puts the keys that are there before the load. Rejects where one of them cannot be put. */
  async load(): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < this.#loaded) {
        const key = this.#loadedKey(next);
        next += 1;
        await this.#put({ bucket: BUCKET, key, context: "", saw: [] });
      }
    };
    await Promise.all(Array.from({ length: LOAD_PARALLEL }, work));
    if (this.history.errors.length > 0) throw new Error(`not loaded: ${this.history.errors[0]}`);
  }

  start(): void {
    this.#stopCounting = countAttempts((id) => {
      const write = this.history.write(id);
      if (write !== undefined) write.attempts += 1;
    });
    this.#running = Promise.all(Array.from({ length: this.#options.clients }, () => this.#work()));
  }

  /**
   * Resolves at some moment after that many writes were acknowledged. The last step is random too: acknowledgements
   * come in bursts, one a commit, and right after one nothing may be under way.
   */
  async runFor(writes: number): Promise<void> {
    await this.history.moreAcknowledged(writes);
    await new Promise((resolve) => setTimeout(resolve, randomInt(RANDOM_MOMENT_MS)));
  }

  /** Resolves when every call under way has its answer or has failed. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#stopCounting();
    this.#client.close();
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      const luck = randomInt(100);
      if (luck < 40) await this.#put(this.#fresh());
      else await this.#touchShared(luck);
      await new Promise((resolve) => setTimeout(resolve, randomInt(this.#options.thinkMsMax + 1)));
    }
  }

  async #touchShared(luck: number): Promise<void> {
    const key = this.#sharedKey();
    if (luck < 70) return this.#read(key);
    const known = this.#known.get(key) ?? { bucket: BUCKET, key, context: "", saw: [] };
    if (luck < 77) return this.#put({ ...known, context: "", saw: [] });
    if (luck < 82 && known.context !== "") return this.#delete(known);
    return this.#put(known);
  }

  get #loaded(): number {
    return this.#options.loaded ?? 0;
  }

  #loadedKey(index: number): string {
    return `${this.#options.name}-old-${index}`;
  }

  #sharedKey(): string {
    if (this.#loaded > 0 && randomInt(100) >= HOT_PERCENT) return this.#loadedKey(randomInt(this.#loaded));
    return `${this.#options.name}-hot-${randomInt(HOT_KEYS)}`;
  }

  #fresh(): Known {
    return { bucket: BUCKET, key: `${this.#options.name}-own-${this.#begun}`, context: "", saw: [] };
  }

  async #put(target: Known): Promise<void> {
    const { key, saw } = target;
    const write = this.#begin("put", target);
    const value = encodeValue({ id: write.id, key, saw }, randomInt(this.#options.paddingMax ?? PADDING_MAX));
    await this.#settle(write, () => this.#client.put(target, value, { requestId: write.id }));
  }

  async #delete(target: Known): Promise<void> {
    const write = this.#begin("delete", target);
    await this.#settle(write, () => this.#client.delete(target, { requestId: write.id }));
  }

  #begin(kind: "put" | "delete", { key, saw }: Known): Write {
    this.#begun += 1;
    return this.history.begin({ kind, id: `${this.#options.name}.${this.#begun}`, key, saw });
  }

  async #settle(write: Write, call: () => Promise<Entry>): Promise<void> {
    const { kind, id, key, saw } = write;
    try {
      const { context } = await call();
      this.history.end(write, "ok");
      this.#known.set(key, { bucket: BUCKET, key, context, saw: [...saw, id] });
    } catch (error) {
      if (!(error instanceof DynamoError)) throw error;
      this.history.end(write, error.maybeApplied ? "info" : "fail");
      this.history.errors.push(`${kind} ${id}: ${error.code} ${error.message}`);
    }
  }

  async #read(key: string): Promise<void> {
    const startedMs = performance.now();
    const promised = acknowledged(this.history.writesOf(key));
    try {
      const entry = await this.#client.get(BUCKET, key);
      this.history.reads.push({ key, startedMs, endedMs: performance.now() });
      const shown = shownBy(key, entry);
      this.violations.push(...checkShown(shown, this.history.writesOf(key), promised));
      this.#known.set(key, { bucket: BUCKET, key, context: entry.context, saw: shown.ids });
    } catch (error) {
      if (!(error instanceof DynamoError)) throw error;
      this.history.errors.push(`get ${key}: ${error.code} ${error.message}`);
    }
  }
}

/** Reads every key of the history back, in parallel, and checks it. The load must have stopped. */
export async function readBack(history: History, endpoints: readonly string[]): Promise<Violation[]> {
  const client = clientOf({ endpoints });
  const open = [...history.keys()];
  const violations: Violation[] = [];
  const work = async (): Promise<void> => {
    for (let key = open.pop(); key !== undefined; key = open.pop()) {
      const shown = shownBy(key, await client.get(BUCKET, key, { timeoutMs: READ_BACK_MS_MAX }));
      violations.push(...checkShown(shown, history.writesOf(key)));
    }
  };
  try {
    await Promise.all(Array.from({ length: READ_BACK_PARALLEL }, work));
  } finally {
    client.close();
  }
  return violations;
}

const READ_BACK_PARALLEL = 24;
const READ_BACK_MS_MAX = 20_000;

function clientOf(options: Pick<WorkloadOptions, "endpoints" | "retries" | "timeoutMs">): DynamoClient {
  const { endpoints, retries, timeoutMs } = options;
  return new DynamoClient({
    endpoints,
    ...(retries === undefined ? {} : { retries }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

function shownBy(key: string, entry: Entry): Shown {
  const values = entry.siblings.map(({ value }) => decodeValue(value));
  const whole = values.filter((value) => value !== undefined);
  // A value under another key than it was written to counts as one that nobody wrote here.
  const ids = whole.map((value) => (value.key === key ? value.id : `${value.id} of ${value.key}`));
  return { key, ids, corrupt: values.length - whole.length };
}
