import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ReadOutcome, RequestOptions, WriteOutcome } from "../core/coordinator/requests.ts";
import type { Admission, Operation } from "./admission.ts";
import { BadRequest } from "./bad-request.ts";
import { type BodyEnd, declaredLength, hasBody, readBody, valueTooLarge } from "./body-reader.ts";
import { connectionState } from "./connection-state.ts";
import { hasSmallBody, type Refusal, refusalOf } from "./early-refusal.ts";
import { Exchange } from "./exchange.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { HttpObserver } from "./http-observer.ts";
import { answerBadRequest, answerBroken, answerRead, answerShed, answerWrite } from "./kv-answer.ts";
import { contentTypeOf, contextOf, isRequestId, requestIdOf, unsupportedIn } from "./kv-headers.ts";
import { parseKvQuery } from "./kv-query.ts";
import type { KeyValueService } from "./kv-service.ts";
import type { PlainRequest } from "./plain-request.ts";
import { watchForRefusals } from "./socket-refusal.ts";
import { type KvTarget, parseKvTarget } from "./kv-target.ts";

export interface KvHandlerOptions {
  readonly service: KeyValueService;
  readonly admission: Admission;
  readonly limits: HttpLimits;
  /** A longer timeout_ms is cut to this. */
  readonly requestTimeoutMsMax: number;
  readonly observer: HttpObserver;
}

/**
 * The hot path: `PUT|GET|HEAD|DELETE /v1/kv/{bucket}/{key}` on node:http itself. Order matters: everything that the
 * head can tell is checked first, then admission, then "100 Continue", and only then is a byte of the body read.
 * A request is let in only once it is known to be well-formed, and it leaves when its answer is handed over.
 */
export class KvHandler {
  readonly #options: KvHandlerOptions;
  #draining = false;
  readonly #closesAfterwards = (): boolean => this.#draining;
  readonly #refusePlain = ({ method, requestId }: PlainRequest): Refusal | undefined => {
    if (requestId !== undefined && !isRequestId(requestId)) return undefined;
    return this.#refuse(method, method === "GET" ? "read" : "write", requestId);
  };

  constructor(options: KvHandlerOptions) {
    this.#options = options;
  }

  /** From now on each answer ends its connection, so that clients move to other nodes; also to requests under way. */
  drain(): void {
    this.#draining = true;
  }

  handle(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    if (!expectsContinue && this.#refusedEarly(request, response)) return;
    const exchange = this.#exchange(request, response, expectsContinue);
    const given = requestIdOf(request.headers);
    exchange.requestId = typeof given === "string" ? given : randomUUID();
    const refusal = given instanceof BadRequest ? given : unsupportedIn(request.headers);
    if (refusal !== undefined) {
      answerBadRequest(exchange, refusal);
      return;
    }
    const target = parseKvTarget(request.url ?? "");
    if (target instanceof BadRequest) {
      answerBadRequest(exchange, target);
      return;
    }
    const options = parseKvQuery(target.query, this.#options.requestTimeoutMsMax);
    if (options instanceof BadRequest) answerBadRequest(exchange, options);
    else this.#dispatch(exchange, target, options);
  }

  /** Before anything that costs: while nothing of its kind may come in, it does not matter what it is. */
  #refusedEarly(request: IncomingMessage, response: ServerResponse): boolean {
    const { method = "" } = request;
    const operation = OPERATIONS.get(method);
    if (operation === undefined || this.#options.admission.closedTo(operation) === undefined) return false;
    const id = requestIdOf(request.headers);
    if (id instanceof BadRequest || !hasSmallBody(request)) return false;
    const refusal = this.#refuse(method, operation, id);
    if (refusal === undefined) return false;
    response.writeHead(503, refusal.headers);
    response.end(refusal.text, "latin1");
    connectionState(request.socket).answeredEarly = request;
    watchForRefusals(request.socket, this.#refusePlain);
    return true;
  }

  /** Undefined: it may come in, or its answer has to end the connection. */
  #refuse(method: string, operation: Operation, id: string | undefined): Refusal | undefined {
    const { admission, observer } = this.#options;
    const reason = this.#draining ? undefined : admission.closedTo(operation);
    if (reason === undefined) return undefined;
    observer.shed(reason);
    observer.answered(method, 503, 0);
    return refusalOf(reason, id);
  }

  /** Answers a request that is not for the key-value paths and malformed as a whole. */
  refuse(request: IncomingMessage, response: ServerResponse, bad: BadRequest): void {
    const exchange = this.#exchange(request, response, false);
    exchange.requestId = randomUUID();
    answerBadRequest(exchange, bad);
  }

  #exchange(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): Exchange {
    return new Exchange(request, response, {
      observer: this.#options.observer,
      expectsContinue,
      closesAfterwards: this.#closesAfterwards,
    });
  }

  #dispatch(exchange: Exchange, target: KvTarget, options: RequestOptions): void {
    switch (exchange.method) {
      case "GET":
      case "HEAD":
        this.#get(exchange, target, options);
        break;
      case "PUT":
        this.#put(exchange, target, options);
        break;
      case "DELETE":
        this.#delete(exchange, target, options);
        break;
      default: {
        const message = `${exchange.method} is not a method of /v1/kv/{bucket}/{key}`;
        answerBadRequest(exchange, new BadRequest(405, "method_not_allowed", message));
      }
    }
  }

  #get(exchange: Exchange, { bucket, key }: KvTarget, options: RequestOptions): void {
    if (this.#refusesBody(exchange) || !this.#enter(exchange, "read", 0)) return;
    const work = this.#started("read", 0);
    this.#options.service.get({ bucket, key, requestId: exchange.requestId, options }).then(
      (outcome) => this.#finish(exchange, work, outcome, () => answerRead(exchange, outcome)),
      (error: unknown) => this.#broken(exchange, work, error),
    );
  }

  #delete(exchange: Exchange, { bucket, key }: KvTarget, options: RequestOptions): void {
    if (this.#refusesBody(exchange)) return;
    const context = contextOf(exchange.request.headers);
    if (context instanceof BadRequest) {
      answerBadRequest(exchange, context);
      return;
    }
    if (!this.#enter(exchange, "write", 0)) return;
    const work = this.#started("write", 0);
    this.#options.service.delete({ bucket, key, context, requestId: exchange.requestId, options }).then(
      (outcome) => this.#finish(exchange, work, outcome, () => answerWrite(exchange, outcome)),
      (error: unknown) => this.#broken(exchange, work, error),
    );
  }

  #put(exchange: Exchange, target: KvTarget, options: RequestOptions): void {
    const { request } = exchange;
    const context = contextOf(request.headers);
    const contentType = contentTypeOf(request.headers);
    const declared = declaredLength(request, this.#options.limits);
    if (context instanceof BadRequest) {
      answerBadRequest(exchange, context);
    } else if (contentType instanceof BadRequest) {
      answerBadRequest(exchange, contentType);
    } else if (declared instanceof BadRequest) {
      answerBadRequest(exchange, declared);
    } else {
      // A chunked body may become as long as a value can be: it is let in as if it were.
      const bodyBytes = declared.bytes ?? this.#options.limits.valueBytesMax;
      if (!this.#enter(exchange, "write", bodyBytes)) return;
      if (exchange.expectsContinue) exchange.response.writeContinue();
      exchange.connection.receiving = request;
      readBody(request, this.#options.limits.valueBytesMax, (body) => {
        exchange.connection.receiving = undefined;
        const head = { target, options, contentType, context: context ?? NO_CONTEXT, bodyBytes };
        this.#received(exchange, head, body);
      });
    }
  }

  #received(exchange: Exchange, head: PutHead, body: BodyEnd): void {
    const { admission, limits, service } = this.#options;
    if (body === "cut_short") {
      admission.leave(head.bodyBytes);
      exchange.abandon();
    } else if (body === "too_large") {
      admission.leave(head.bodyBytes);
      answerBadRequest(exchange, valueTooLarge(limits.valueBytesMax));
    } else {
      const { target, options, contentType, context, bodyBytes } = head;
      const { bucket, key } = target;
      const { requestId } = exchange;
      const work = this.#started("write", bodyBytes);
      service.put({ bucket, key, context, value: body, contentType, requestId, options }).then(
        (outcome) => this.#finish(exchange, work, outcome, () => answerWrite(exchange, outcome)),
        (error: unknown) => this.#broken(exchange, work, error),
      );
    }
  }

  /** An answer that cannot be written (a stored header value that HTTP refuses) must not take the node down. */
  #finish(exchange: Exchange, work: Work, { kind }: ReadOutcome | WriteOutcome, answer: () => void): void {
    const { admission } = this.#options;
    admission.leave(work.bodyBytes);
    admission.finished(work.operation, kind === "failed" ? undefined : performance.now() - work.startMs);
    try {
      answer();
    } catch (error) {
      this.#options.observer.handlerFailed(error, exchange.requestId);
      exchange.response.destroy();
    }
  }

  #started(operation: Operation, bodyBytes: number): Work {
    this.#options.admission.started(operation);
    return { operation, bodyBytes, startMs: performance.now() };
  }

  #enter(exchange: Exchange, operation: Operation, bodyBytes: number): boolean {
    const { admission, limits, observer } = this.#options;
    const crowded = exchange.connection.unanswered > limits.pipelinedRequestsMax;
    const reason = crowded ? "pipeline" : admission.enter(operation, bodyBytes);
    if (reason === undefined) return true;
    observer.shed(reason);
    answerShed(exchange, reason);
    return false;
  }

  #refusesBody(exchange: Exchange): boolean {
    if (!hasBody(exchange.request)) return false;
    answerBadRequest(exchange, new BadRequest(400, "invalid_request", `${exchange.method} takes no body`));
    return true;
  }

  #broken(exchange: Exchange, { operation, bodyBytes }: Work, error: unknown): void {
    this.#options.admission.leave(bodyBytes);
    this.#options.admission.finished(operation, undefined);
    this.#options.observer.handlerFailed(error, exchange.requestId);
    answerBroken(exchange, { write: operation === "write" });
  }
}

/** A request that the node is at work on. */
interface Work {
  readonly operation: Operation;
  readonly bodyBytes: number;
  readonly startMs: number;
}

interface PutHead {
  readonly target: KvTarget;
  readonly options: RequestOptions;
  readonly contentType: string;
  readonly context: Uint8Array;
  readonly bodyBytes: number;
}

const OPERATIONS: ReadonlyMap<string, Operation> = new Map([
  ["GET", "read"],
  ["HEAD", "read"],
  ["PUT", "write"],
  ["DELETE", "write"],
]);

const NO_CONTEXT = new Uint8Array(0);
