import type { SeededRandom } from "./seeded-random.ts";

/**
 * Virtual time. Events lie in one heap ordered by (time, a drawn tie-break); the loop pops one, runs it, and lets the
 * promises that it settled run to their end before the next. Promise order inside one V8 isolate follows from its
 * inputs, so a seed decides every interleaving although the core is written with async functions.
 *
 * An event may belong to an incarnation of a node (incarnation.ts): once that is dead the event is dropped, as no
 * `finally` runs in a killed process; while it is paused the event waits, in order.
 */
export interface EventOwner {
  readonly alive: boolean;
  /** Virtual time until which this owner's events wait. */
  readonly pausedUntilMs: number;
}

/** A run has some 10,000 events; one that has so many does not end by itself. Large clusters ask for more (scale/). */
const EVENTS_MAX = 5_000_000;
/** So often the process looks up, for signals and messages from outside. */
const EVENTS_PER_TURN = 50_000;

interface Scheduled {
  timeMs: number;
  tie: number;
  readonly sequence: number;
  readonly run: () => void;
  readonly owner: EventOwner | undefined;
  cancelled: boolean;
}

export class EventLoop {
  #nowMs = 0;
  #sequence = 0;
  #deferrals = 0;
  #events = 0;
  readonly #heap: Scheduled[] = [];
  readonly #ties: SeededRandom;
  readonly #eventsMax: number;

  constructor(random: SeededRandom, eventsMax = EVENTS_MAX) {
    this.#ties = random.fork("ties");
    this.#eventsMax = eventsMax;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have run. */
  get events(): number {
    return this.#events;
  }

  /** Runs `run` at virtual time `timeMs` (now, if that has passed). Returns its cancellation. */
  at(timeMs: number, run: () => void, owner?: EventOwner): () => void {
    const event: Scheduled = {
      timeMs: Math.max(timeMs, this.#nowMs),
      // Deferred events sort first among equals, in their order; see #ready.
      tie: 0x1_0000_0000 + this.#ties.u32(),
      sequence: this.#sequence++,
      run,
      owner,
      cancelled: false,
    };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  after(delayMs: number, run: () => void, owner?: EventOwner): () => void {
    return this.at(this.#nowMs + delayMs, run, owner);
  }

  /** Runs every event up to `untilMs`, then sets the clock there. `stop` is asked after each. */
  runUntil(untilMs: number, stop: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          if (this.#runSome(untilMs, stop)) resolve();
          else setImmediate(turn);
        } catch (error) {
          reject(error);
        }
      };
      setImmediate(turn);
    });
  }

  /** One turn of Node's own loop. Returns whether there is nothing more to run. */
  #runSome(untilMs: number, stop: () => boolean): boolean {
    const heap = this.#heap;
    for (let count = 0; heap.length > 0 && heap[0]!.timeMs <= untilMs;) {
      const event = this.#pop();
      if (!this.#ready(event)) continue;
      this.#nowMs = event.timeMs;
      this.#events += 1;
      if (this.#events > this.#eventsMax)
        throw new Error(`${this.#eventsMax} events and no end: something runs in circles`);
      event.run();
      settlePromises();
      if (stop()) return true;
      if (++count === EVENTS_PER_TURN) return false;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    return true;
  }

  #ready(event: Scheduled): boolean {
    if (event.cancelled) return false;
    const owner = event.owner;
    if (owner === undefined) return true;
    if (!owner.alive) return false;
    if (owner.pausedUntilMs <= event.timeMs) return true;
    event.timeMs = owner.pausedUntilMs;
    event.tie = this.#deferrals++;
    this.#push(event);
    return false;
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!precedes(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Scheduled {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && precedes(heap[child + 1]!, heap[child]!)) child += 1;
      if (!precedes(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function precedes(left: Scheduled, right: Scheduled): boolean {
  if (left.timeMs !== right.timeMs) return left.timeMs < right.timeMs;
  if (left.tie !== right.tie) return left.tie < right.tie;
  return left.sequence < right.sequence;
}

/**
 * Runs every promise callback that is due, and those that they make due, to the last: what Node does by itself between
 * two callbacks of its loop. Asking for it costs a twentieth of going round that loop (`setImmediate`) for each event.
 */
const settlePromises = tickOf(process);

function tickOf(host: object): () => void {
  if (!("_tickCallback" in host) || typeof host._tickCallback !== "function")
    throw new Error(
      "this version of Node has no process._tickCallback: the simulator cannot settle promises",
    );
  return host._tickCallback.bind(host) as () => void;
}
