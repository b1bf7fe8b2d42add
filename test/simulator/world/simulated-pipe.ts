import { invariant } from "../../../node/core/invariant.ts";
import type { MessagePipe } from "../../../node/core/ports/message-pipe.ts";
import type { EventLoop } from "./event-loop.ts";
import type { Incarnation } from "./incarnation.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** More messages under way than this mean that somebody forgot a bound. */
const UNDER_WAY_MAX = 100_000;

/** What a pipe needs of the thread at either end; see virtual-thread.ts. The network thread's jobs take no time. */
export interface PipeThread {
  readonly localMs: number;
  run(job: () => void): void;
}

/** One message in so many is taken from its sender by force; more often would cost more than it finds. */
const TAKEN_EVERY = 8;

/**
 * A pipe between two threads of one node: delayed, ordered, bounded, dead with its incarnation. The sender gives the
 * bytes away: where it writes into them afterwards the receiver sees it, and where it reads them, now and then they
 * are overwritten, so that touching them again shows either way.
 */
export function simulatedPipe(options: {
  loop: EventLoop;
  owner: Incarnation;
  random: SeededRandom;
  near: PipeThread;
  far: PipeThread;
  delayMsMax: number;
}): { near: MessagePipe; far: MessagePipe } {
  const near = new PipeEnd(options, options.near);
  const far = new PipeEnd(options, options.far);
  near.connect(far);
  far.connect(near);
  return { near, far };
}

class PipeEnd implements MessagePipe {
  readonly #loop: EventLoop;
  readonly #owner: Incarnation;
  readonly #random: SeededRandom;
  readonly #delayMsMax: number;
  readonly #thread: PipeThread;
  #peer: PipeEnd | undefined;
  #handler: ((message: Uint8Array) => void) | undefined;
  #lastArrivalMs = 0;
  #underWay = 0;
  #posted = 0;

  constructor(
    options: { loop: EventLoop; owner: Incarnation; random: SeededRandom; delayMsMax: number },
    thread: PipeThread,
  ) {
    this.#loop = options.loop;
    this.#owner = options.owner;
    this.#random = options.random;
    this.#delayMsMax = options.delayMsMax;
    this.#thread = thread;
  }

  connect(peer: PipeEnd): void {
    this.#peer = peer;
  }

  post(message: Uint8Array): void {
    const peer = this.#peer!;
    const bytes = ++this.#posted % TAKEN_EVERY === 0 ? takenFrom(message) : message;
    invariant(++this.#underWay <= UNDER_WAY_MAX, `${UNDER_WAY_MAX} messages under way in one pipe`);
    const arrival = this.#thread.localMs + this.#random.skewed(0.001, this.#delayMsMax);
    this.#lastArrivalMs = Math.max(arrival, this.#lastArrivalMs + 1e-6);
    this.#loop.at(
      this.#lastArrivalMs,
      () => {
        this.#underWay -= 1;
        peer.#thread.run(() => peer.#receive(bytes));
      },
      this.#owner,
    );
  }

  onMessage(handler: (message: Uint8Array) => void): void {
    invariant(this.#handler === undefined, "a pipe's handler is set once");
    this.#handler = handler;
  }

  #receive(message: Uint8Array): void {
    invariant(this.#handler !== undefined, "a message arrived before the pipe had a handler");
    this.#handler(message);
  }
}

function takenFrom(message: Uint8Array): Uint8Array {
  const bytes = message.slice();
  message.fill(0xdd);
  return bytes;
}
