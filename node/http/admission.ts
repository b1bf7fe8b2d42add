import { ConcurrencyLimit } from "./concurrency-limit.ts";
import type { EventLoopDelay } from "./event-loop-delay.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { ShedReason } from "./http-observer.ts";

/**
 * Decides before a body is read whether a request may come in. What is let in is worked on; what is not costs next
 * to nothing and certainly was not applied, so that a node at twice its capacity still does its capacity's work.
 * Reads and writes have limits of their own: a disk that is behind must not turn away reads from memory.
 * Invariant: every `enter` that returned undefined is followed by exactly one `leave` with the same bytes, every
 * `started` by exactly one `finished`.
 */
export type Operation = "read" | "write";

export class Admission {
  readonly #limits: HttpLimits;
  readonly #eventLoop: EventLoopDelay;
  readonly #concurrency: Readonly<Record<Operation, ConcurrencyLimit>>;
  #requests = 0;
  #bodyBytes = 0;

  constructor(limits: HttpLimits, eventLoop: EventLoopDelay) {
    this.#limits = limits;
    this.#eventLoop = eventLoop;
    const options = { max: limits.requestsMax, delayMsTarget: limits.delayMsTarget };
    this.#concurrency = { read: new ConcurrencyLimit(options), write: new ConcurrencyLimit(options) };
  }

  /** Why nothing of this kind, however small, may come in now; undefined where it may. */
  closedTo(operation: Operation): ShedReason | undefined {
    if (this.#requests >= this.#limits.requestsMax) return "requests";
    if (this.#concurrency[operation].full) return "delay";
    if (this.#eventLoop.overloaded()) return "event_loop";
    return undefined;
  }

  /** `bodyBytes`: the declared length, or the longest that may come. Undefined: come in. */
  enter(operation: Operation, bodyBytes: number): ShedReason | undefined {
    const closed = this.closedTo(operation);
    if (closed !== undefined) return closed;
    if (this.#bodyBytes + bodyBytes > this.#limits.bodyBytesMax) return "body_bytes";
    this.#requests += 1;
    this.#bodyBytes += bodyBytes;
    return undefined;
  }

  leave(bodyBytes: number): void {
    this.#requests -= 1;
    this.#bodyBytes -= bodyBytes;
  }

  /** The whole request is here. Before that it is the client that takes its time. */
  started(operation: Operation): void {
    this.#concurrency[operation].started();
  }

  /** `durationMs`: since `started`; undefined where the request failed. */
  finished(operation: Operation, durationMs: number | undefined): void {
    this.#concurrency[operation].finished(durationMs);
  }

  /** Learns from what was finished lately. */
  adjust(): void {
    this.#concurrency.read.adjust();
    this.#concurrency.write.adjust();
  }

  requests(): number {
    return this.#requests;
  }

  bodyBytes(): number {
    return this.#bodyBytes;
  }

  limit(operation: Operation): number {
    return this.#concurrency[operation].limit;
  }
}
