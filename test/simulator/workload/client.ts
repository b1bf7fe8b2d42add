import type { DynamoNode } from "../../../node/core/dynamo-node.ts";
import type { ReadOutcome, RequestOptions, WriteOutcome } from "../../../node/core/coordinator/requests.ts";
import { checkRead, promisedDots } from "../checkers/reads.ts";
import { checkAcknowledgement } from "../checkers/acknowledgements.ts";
import { coverageOf } from "../checkers/contexts.ts";
import { includes } from "../../../node/core/version/coverage.ts";
import type { Cluster } from "../cluster.ts";
import { BUCKET } from "./bucket.ts";
import type { ScheduledOperation } from "../schedule.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import { type Answer, callNode } from "./client-link.ts";
import type { GivenContext, WriteOperation } from "./history.ts";
import { encodeValue } from "./written-value.ts";

const ATTEMPTS_MAX = 3;
const KINDS = ["get", "get", "get", "put", "put", "put", "put", "delete"] as const;
const utf8 = new TextEncoder();

/**
 * One client: reads, writes and deletes a few hot keys through any node, tries again with the same request id, and
 * sends back the contexts it was given; or drops them, or sends old ones, as the scenario has it. The n-th operation
 * depends on the seed, the client and n alone.
 */
export class Client {
  readonly #cluster: Cluster;
  readonly #index: number;
  readonly #name: string;
  readonly #planned: readonly ScheduledOperation[] | undefined;
  readonly #random: SeededRandom;
  /** The last context per key. */
  readonly #contexts = new Map<string, GivenContext>();

  /** `planned`: of all clients; draws its own where undefined. */
  constructor(cluster: Cluster, index: number, planned: readonly ScheduledOperation[] | undefined) {
    this.#cluster = cluster;
    this.#index = index;
    this.#planned = planned?.filter(({ client }) => client === index);
    this.#name = `c${index}`;
    this.#random = cluster.random.fork("client", index);
  }

  async run(): Promise<void> {
    if (this.#planned !== undefined) {
      for (const operation of this.#planned) {
        await new Promise<void>((resolve) => this.#cluster.loop.at(operation.atMs, resolve));
        await this.#do(operation.n, operation);
      }
      return;
    }
    const { operationsPerClient, thinkMsMax, keys } = this.#cluster.scenario;
    const { restMs } = this.#cluster.scenario;
    const half = Math.ceil(operationsPerClient / 2);
    for (let n = 1; n <= operationsPerClient; n++) {
      const luck = this.#random.fork(n);
      if (restMs !== undefined && n === half) await this.#sleep(restMs);
      await this.#sleep(luck.between(0, thinkMsMax));
      const left = (n < half ? half - 1 : operationsPerClient) - n;
      if (restMs !== undefined && left < 2 * keys.length) await this.#do(n, this.#deleting(left));
      else await this.#do(n, { kind: luck.pick(KINDS), key: luck.pick(keys) });
    }
  }

  /** Before all rest, and before the end: each key is read, and deleted with what was shown. */
  #deleting(left: number): Pick<ScheduledOperation, "kind" | "key"> {
    const { keys } = this.#cluster.scenario;
    const key = keys[(this.#index + (left >> 1)) % keys.length]!;
    return { kind: left % 2 === 1 ? "get" : "delete", key };
  }

  async #do(n: number, { kind, key }: Pick<ScheduledOperation, "kind" | "key">): Promise<void> {
    const { history, loop } = this.#cluster;
    history.operations.push({ client: this.#index, n, atMs: loop.nowMs, kind, key });
    const luck = this.#random.fork(n, "does");
    if (kind === "get") await this.get(key, luck);
    else await this.#write(kind, key, { luck, id: `${this.#name}.${n}` });
  }

  /** Undefined where the key could not be read. */
  async get(key: string, luck: SeededRandom): Promise<ReadOutcome | undefined> {
    const { history, scenario, trace, loop } = this.#cluster;
    history.reads += 1;
    const options = this.#options(luck, "get");
    const r = Math.max(options.r ?? scenario.readQuorum, options.pr ?? 0);
    const promised = promisedDots(this.#cluster, key, r);
    const request = { bucket: BUCKET, key: utf8.encode(key), requestId: "", options };
    const answer = await this.#call(luck, "get", (node) => node.get(request));
    if (answer.kind !== "answer") return undefined;
    const { outcome } = answer;
    trace.line(loop.nowMs, `${this.#name} get ${key}: ${outcome.kind}`);
    if (outcome.kind === "failed") {
      this.#failedWith(outcome.code, `get ${key}`);
      return outcome;
    }
    const known = this.#contexts.get(key)?.coverage;
    if (known !== undefined && !includes(coverageOf(outcome.context), known)) {
      history.staleReads += 1;
      this.#cluster.marks.hit("stale read");
    }
    const given = checkRead(this.#cluster, { key, r, outcome, promised });
    if (given !== undefined) {
      this.#contexts.set(key, given);
      history.gave(given);
    }
    return outcome;
  }

  async #write(
    kind: "put" | "delete",
    key: string,
    { luck, id }: { luck: SeededRandom; id: string },
  ): Promise<void> {
    const { history, loop, scenario } = this.#cluster;
    const context = this.#contextFor(key, luck.fork("context"));
    const saw = context?.saw ?? [];
    // A put without a context has seen nothing; a delete without one reads by itself.
    const seen = context?.coverage ?? (kind === "put" ? { vector: new Map(), loose: new Map() } : undefined);
    const operation: WriteOperation = {
      kind,
      id,
      key,
      invokedMs: loop.nowMs,
      seen,
      saw,
      attempts: 0,
      asked: new Set(),
      endedMs: Infinity,
      outcome: "pending",
      answered: undefined,
    };
    history.wrote(operation);
    const value = encodeValue({ id, key, saw }, luck.below(scenario.paddingMax + 1));
    const options = this.#options(luck, "put");
    const common = { bucket: BUCKET, key: utf8.encode(key), requestId: id, options };
    const invoke = (node: DynamoNode): Promise<WriteOutcome> =>
      kind === "delete"
        ? node.delete({ ...common, context: context?.bytes })
        : node.put({
            ...common,
            context: context?.bytes ?? new Uint8Array(0),
            value: value.slice(),
            contentType: "text/plain",
          });
    await this.#attempt(operation, {
      luck,
      invoke,
      w: Math.max(options.w ?? scenario.writeQuorum, options.pw ?? 0),
    });
  }

  async #attempt(
    operation: WriteOperation,
    call: { luck: SeededRandom; invoke: (node: DynamoNode) => Promise<WriteOutcome>; w: number },
  ): Promise<void> {
    const { history, loop, marks, scenario, trace } = this.#cluster;
    const { kind, id, key } = operation;
    let maybeApplied = false;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const luck = call.luck.fork("attempt", attempt);
      if (attempt > 1) marks.hit("request retried");
      operation.attempts += 1;
      // A delete without a context reads first.
      const reads = operation.seen === undefined;
      const promised = reads ? promisedDots(this.#cluster, key, scenario.readQuorum) : undefined;
      const answer = await this.#call(luck, `${kind} ${id}`, call.invoke, operation);
      const outcome = answer.kind === "answer" ? answer.outcome : undefined;
      trace.line(loop.nowMs, `${this.#name} ${kind} ${id} of ${key}: ${outcome?.kind ?? answer.kind}`);
      if (outcome?.kind === "written") {
        operation.endedMs = loop.nowMs;
        operation.outcome = "ok";
        history.acknowledged += 1;
        operation.answered = coverageOf(outcome.context);
        checkAcknowledgement(this.#cluster, operation, { w: call.w, promised });
        this.#keep(operation, outcome.context);
        return;
      }
      if (outcome?.kind === "failed") this.#failedWith(outcome.code, `${kind} ${id}`);
      maybeApplied ||= outcome === undefined ? answer.kind === "lost" : outcome.maybeApplied;
      if (outcome !== undefined && outcome.context.length > 0 && luck.chance(0.3))
        this.#keep(operation, outcome.context);
      if (luck.chance(0.3)) break;
      await this.#sleep(luck.skewed(1, 300));
    }
    operation.endedMs = loop.nowMs;
    operation.outcome = maybeApplied ? "unknown" : "refused";
  }

  /**
   * The context of a write's answer: what its author had seen, and itself. A delete without a context reads for its
   * author: whoever goes on with its context does as if all that it covers had been shown.
   */
  #keep({ key, saw, seen, id, kind }: WriteOperation, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const coverage = coverageOf(bytes);
    const read =
      seen === undefined
        ? this.#cluster.registry.covered(key, coverage).map(({ writeId }) => writeId)
        : [...saw, ...(kind === "put" ? [id] : [])];
    const given = {
      key,
      bytes,
      coverage,
      saw: [...new Set(read)].filter((write) => write !== id || kind === "put"),
    };
    this.#contexts.set(key, given);
    this.#cluster.history.gave(given);
  }

  #contextFor(key: string, luck: SeededRandom): GivenContext | undefined {
    const { dropsContext, replaysContext } = this.#cluster.scenario;
    if (luck.chance(dropsContext)) return undefined;
    const old = luck.chance(replaysContext) ? this.#cluster.history.contextsOf(key) : [];
    if (old.length === 0) return this.#contexts.get(key);
    this.#cluster.marks.hit("old context sent");
    return luck.pick(old);
  }

  #options(luck: SeededRandom, kind: "get" | "put"): RequestOptions {
    const { readQuorum, writeQuorum, replicas, nodes, spares = [] } = this.#cluster.scenario;
    const n = Math.min(replicas, nodes.length - spares.length);
    const stray = luck.fork("options");
    const options = { r: undefined, w: undefined, pr: undefined, pw: undefined, timeoutMs: undefined };
    if (!stray.chance(0.15)) return options;
    const primaries = stray.chance(0.3);
    if (kind === "get")
      return { ...options, r: 1 + stray.below(n), pr: primaries ? stray.below(readQuorum + 1) : undefined };
    const w = writeQuorum + stray.below(n - writeQuorum + 1);
    return { ...options, w, pw: primaries ? stray.below(w + 1) : undefined };
  }

  #call<T>(
    luck: SeededRandom,
    what: string,
    invoke: (node: DynamoNode) => Promise<T>,
    write?: WriteOperation,
  ): Promise<Answer<T>> {
    const { hosts, scenario } = this.#cluster;
    const timeoutMs = scenario.requestTimeoutMs;
    const patienceMs = luck.chance(0.1) ? luck.between(1, timeoutMs) : timeoutMs * 3 + 5_000;
    const host = luck.pick(hosts);
    write?.asked.add(host.id);
    const call = { what: `${this.#name} ${what}`, timeoutMs, patienceMs, invoke };
    return callNode(this.#cluster, host, call, luck);
  }

  /** These clients send only what is valid. */
  #failedWith(code: string, what: string): void {
    if (code === "quorum_unreachable") this.#cluster.marks.hit("quorum unreachable");
    const { rings, changesRing, scenario } = this.#cluster;
    const wrong = ["invalid_context", "context_mismatch", "key_collision"];
    // A ring that was recovered may have fewer members than copies.
    if (!scenario.faults.has("lost_majority")) wrong.push("invalid_quorum");
    if (!rings.wasLost && !changesRing) wrong.push("no_ring");
    if (wrong.includes(code)) this.#cluster.violated("wrongly_refused", `${what}: ${code}`);
  }

  #sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.#cluster.loop.after(durationMs, resolve));
  }
}
