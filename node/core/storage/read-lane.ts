import type { MessagePipe } from "../ports/message-pipe.ts";
import type { ReplicaQuery, ReplicaRead } from "../ports/replica-store.ts";
import type { Timers } from "../ports/timers.ts";
import { type AnsweredQueries, decodeAnswers, encodeQueries } from "./read-codec.ts";
import { invariant } from "../invariant.ts";

/**
 * The network thread's end of the pipes to the reader threads. The queries of a tick leave in one message to the
 * reader with the fewest unanswered messages; while all have theirs, the next message gathers. Bounded in queries.
 */
export interface ReadLaneParts {
  readonly pipes: readonly MessagePipe[];
  readonly timers: Timers;
  readonly limits: ReadLaneLimits;
  onAnswers(answers: AnsweredQueries): void;
}

export interface ReadLaneLimits {
  /** Queries that have not been answered; more fail as overloaded. */
  readonly queriesMax: number;
  /** Messages on their way to or in one reader at once. */
  readonly messagesPerReaderMax: number;
}

type Answer = (read: ReplicaRead) => void;

interface ReaderEnd {
  readonly pipe: MessagePipe;
  /** Who waits, message by message, oldest first. */
  readonly unanswered: Answer[][];
}

const overloaded: ReplicaRead = { status: "failed", message: "overloaded: too many reads wait for the disk" };

export class ReadLane {
  readonly #parts: ReadLaneParts;
  readonly #readers: readonly ReaderEnd[];
  #queries: ReplicaQuery[] = [];
  #answers: Answer[] = [];
  #pending = 0;
  #turn = 0;
  #flushScheduled = false;
  readonly #flushNow = (): void => {
    this.#flushScheduled = false;
    this.#flush();
  };

  constructor(parts: ReadLaneParts) {
    invariant(parts.pipes.length > 0, "a store needs at least one reader");
    this.#parts = parts;
    this.#readers = parts.pipes.map((pipe) => ({ pipe, unanswered: [] }));
    for (const reader of this.#readers) reader.pipe.onMessage((message) => this.#receive(reader, message));
  }

  get pending(): number {
    return this.#pending;
  }

  submit(query: ReplicaQuery, answer: Answer): void {
    if (this.#pending >= this.#parts.limits.queriesMax) {
      answer(overloaded);
      return;
    }
    this.#pending += 1;
    this.#queries.push(query);
    this.#answers.push(answer);
    this.#scheduleFlush();
  }

  /** Answers everything that is unanswered: the other end is gone. */
  fail(message: string): void {
    const waiting = [...this.#readers.flatMap(({ unanswered }) => unanswered.flat()), ...this.#answers];
    for (const reader of this.#readers) reader.unanswered.length = 0;
    this.#queries = [];
    this.#answers = [];
    this.#pending = 0;
    for (const answer of waiting) answer({ status: "failed", message });
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#parts.timers.soon(this.#flushNow);
  }

  #flush(): void {
    const reader = this.#idlest();
    if (reader === undefined || this.#queries.length === 0) return;
    const message = encodeQueries(this.#queries);
    reader.unanswered.push(this.#answers);
    this.#queries = [];
    this.#answers = [];
    reader.pipe.post(message);
  }

  /** Readers take turns where equally idle; undefined where each has all it may have. */
  #idlest(): ReaderEnd | undefined {
    let idlest: ReaderEnd | undefined;
    const count = this.#readers.length;
    for (let i = 0; i < count; i++) {
      const reader = this.#readers[(this.#turn + i) % count]!;
      if (idlest === undefined || reader.unanswered.length < idlest.unanswered.length) idlest = reader;
    }
    this.#turn = (this.#turn + 1) % count;
    return idlest!.unanswered.length < this.#parts.limits.messagesPerReaderMax ? idlest : undefined;
  }

  #receive(reader: ReaderEnd, message: Uint8Array): void {
    const answered = decodeAnswers(message);
    const waiting = reader.unanswered.shift();
    if (waiting === undefined) return; // failed in the meantime
    invariant(
      waiting.length === answered.reads.length,
      "a reader answered another number of queries than it was asked",
    );
    this.#pending -= waiting.length;
    for (let i = 0; i < waiting.length; i++) waiting[i]!(answered.reads[i]!);
    this.#parts.onAnswers(answered);
    if (this.#queries.length > 0) this.#scheduleFlush();
  }
}
