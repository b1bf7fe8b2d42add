import type { EventLoopDelay } from "./event-loop-delay.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { ShedReason } from "./http-observer.ts";

/**
 * Decides before a body is read whether a request may come in. What is let in is worked on; what is not costs next
 * to nothing and certainly was not applied, so that a node at twice its capacity still does its capacity's work.
 * Invariant: every `enter` that returned undefined is followed by exactly one `leave` with the same bytes.
 */
export class Admission {
  readonly #limits: HttpLimits;
  readonly #eventLoop: EventLoopDelay;
  #requests = 0;
  #bodyBytes = 0;

  constructor(limits: HttpLimits, eventLoop: EventLoopDelay) {
    this.#limits = limits;
    this.#eventLoop = eventLoop;
  }

  /** `bodyBytes`: the declared length, or the longest that may come. Undefined: come in. */
  enter(bodyBytes: number): ShedReason | undefined {
    if (this.#requests >= this.#limits.requestsMax) return "requests";
    if (this.#bodyBytes + bodyBytes > this.#limits.bodyBytesMax) return "body_bytes";
    if (this.#eventLoop.overloaded()) return "event_loop";
    this.#requests += 1;
    this.#bodyBytes += bodyBytes;
    return undefined;
  }

  leave(bodyBytes: number): void {
    this.#requests -= 1;
    this.#bodyBytes -= bodyBytes;
  }

  requests(): number {
    return this.#requests;
  }

  bodyBytes(): number {
    return this.#bodyBytes;
  }
}
