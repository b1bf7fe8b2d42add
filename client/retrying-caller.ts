import { CONTEXT_HEADER } from "../node/contract/http-headers.ts";
import { DynamoError } from "./dynamo-error.ts";
import type { EndpointPool } from "./endpoint-pool.ts";
import { errorOfAnswer, errorOfFailure } from "./http/error-answer.ts";
import { ExchangeFailed, type Answer, type Exchange, type HttpConnections } from "./http/http-exchange.ts";
import { attemptTimeoutMs, backoffMs, type RetryBudget, type RetryLimits } from "./retry-policy.ts";

/**
 * One call of an application as a bounded series of attempts, all with the same request id: a node that has already
 * taken this write recognises it and answers with its dot, so a retried put is stored once. A retry goes to another
 * endpoint while there is one. Whatever the last attempt says, `maybeApplied` remembers every earlier one.
 *
 * Where a failed write came back with a context, its retry carries it: it supersedes the first attempt wherever that
 * turns up, and a delete without a context deletes what it read the first time, not what was written since.
 */
export interface Call {
  readonly method: Exchange["method"];
  readonly path: string;
  /** Without the leading "?"; timeout_ms is added for each attempt. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly requestId: string;
  /** For the whole call. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly writes: boolean;
  /** Statuses that are results, not errors. */
  readonly expected: readonly number[];
  /** Endpoints to ask first: the owners of the key, where known. */
  readonly preferred: readonly string[];
}

export interface CallResult {
  readonly answer: Answer;
  readonly endpoint: string;
}

/** What the caller needs of the world. */
export interface CallerPorts {
  readonly connections: HttpConnections;
  readonly pool: EndpointPool;
  readonly budget: RetryBudget;
  /** Told of each endpoint that did not answer, or serves no ring: the routing table may be out of date. */
  readonly endpointSilent: () => void;
}

export class RetryingCaller {
  readonly #ports: CallerPorts;
  readonly #limits: RetryLimits;

  constructor(ports: CallerPorts, limits: RetryLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  /** Rejects with DynamoError. */
  async call(call: Call): Promise<CallResult> {
    const deadlineMs = performance.now() + call.timeoutMs;
    const tried: string[] = [];
    let maybeApplied = false;
    let context: string | undefined;
    this.#ports.budget.callStarted();
    for (let retry = 0; ; retry++) {
      const endpoint = this.#ports.pool.pick(call.preferred, tried, performance.now());
      const headers =
        call.writes && context !== undefined ? { ...call.headers, [CONTEXT_HEADER]: context } : call.headers;
      const outcome = await this.#attempt(
        { ...call, headers },
        {
          endpoint,
          deadlineMs,
          retriesLeft: this.#limits.retries - retry,
        },
      );
      if (!(outcome instanceof DynamoError)) return { answer: outcome, endpoint };
      maybeApplied ||= outcome.maybeApplied;
      context = outcome.context ?? context;
      const previous = tried.indexOf(endpoint);
      if (previous >= 0) tried.splice(previous, 1);
      tried.push(endpoint);
      const waitMs = this.#waitBeforeRetry(outcome, retry, tried);
      const hopeless = !outcome.retriable || retry >= this.#limits.retries;
      if (hopeless || performance.now() + waitMs >= deadlineMs || !this.#mayRetry(outcome)) {
        throw finalError(outcome, { attempts: retry + 1, maybeApplied, context });
      }
      await sleep(waitMs, call.signal);
    }
  }

  async #attempt(
    call: Call,
    attempt: { endpoint: string; deadlineMs: number; retriesLeft: number },
  ): Promise<Answer | DynamoError> {
    const { endpoint, deadlineMs, retriesLeft } = attempt;
    const remainingMs = Math.max(1, deadlineMs - performance.now());
    const timeoutMs = attemptTimeoutMs({ remainingMs, retriesLeft });
    // The node gets a little less than we wait, so that its own answer (with maybeApplied) arrives in time.
    const serverMs = Math.max(1, Math.floor(timeoutMs * 0.95));
    const query = `${call.query}${call.query === "" ? "" : "&"}timeout_ms=${serverMs}`;
    try {
      const { method, headers, body, signal } = call;
      const path = `${call.path}?${query}`;
      const answer = await this.#ports.connections.send({
        method,
        endpoint,
        path,
        headers,
        body,
        timeoutMs,
        signal,
      });
      const isExpected = call.expected.includes(answer.status);
      const error = isExpected ? undefined : errorOfAnswer(answer, { ...call, endpoint });
      if (error !== undefined && servesNobody(error)) this.#passOver(endpoint);
      else this.#ports.pool.answered(endpoint);
      return error ?? answer;
    } catch (failure) {
      if (!(failure instanceof ExchangeFailed)) throw failure;
      if (failure.reason !== "aborted") this.#passOver(endpoint);
      return errorOfFailure(failure, { ...call, endpoint });
    }
  }

  #passOver(endpoint: string): void {
    this.#ports.pool.silent(endpoint, performance.now());
    this.#ports.endpointSilent();
  }

  /** Another endpoint is asked at once after one that serves nobody; the same one only after what it asked for. */
  #waitBeforeRetry(error: DynamoError, retry: number, tried: readonly string[]): number {
    const next = this.#ports.pool.hasUntried(tried);
    if (next && servesNobody(error)) return 0;
    const backoff = backoffMs(retry, this.#limits, Math.random);
    return next ? backoff : Math.max(backoff, error.retryAfterMs ?? 0);
  }

  #mayRetry(error: DynamoError): boolean {
    return servesNobody(error) || this.#ports.budget.take();
  }
}

/** Nothing listens there, or its node is in no ring, not yet or not any more: the attempt put no load on the cluster. */
function servesNobody({ code, maybeApplied }: DynamoError): boolean {
  return code === "unreachable" || (code === "no_ring" && !maybeApplied);
}

function finalError(
  last: DynamoError,
  {
    attempts,
    maybeApplied,
    context,
  }: { attempts: number; maybeApplied: boolean; context: string | undefined },
): DynamoError {
  const tries = attempts === 1 ? "" : ` (after ${attempts} attempts)`;
  const { code, status, requestId, retriable, endpoint, retryAfterMs, cause } = last;
  return new DynamoError(last.message + tries, {
    code,
    status,
    requestId,
    retriable,
    endpoint,
    retryAfterMs,
    maybeApplied,
    context,
    cause,
  });
}

/** Ends early when the caller aborts; the next attempt then fails as aborted. */
function sleep(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (durationMs <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal?.addEventListener("abort", done, { once: true });
  });
}
