import type { HintBatch, HintQuery } from "../ports/hint-store.ts";
import type { MessagePipe } from "../ports/message-pipe.ts";
import type { ReplicaQuery, ReplicaRead } from "../ports/replica-store.ts";
import type { Timers } from "../ports/timers.ts";
import { decodeAnswers, encodeQueries } from "./read-codec.ts";
import { decodeHints, encodeHintQuery } from "./hint-codec.ts";
import { invariant } from "../invariant.ts";

/**
 * The network thread's end of the pipes to the reader threads. The queries of a tick leave in one message to the
 * reader with the fewest unanswered messages; while all have theirs, the next message gathers. A question for hints is
 * a message of its own, after the queries: a batch of them is large and nobody waits for it. Bounded in both together.
 */
export interface ReadLaneParts {
  readonly pipes: readonly MessagePipe[];
  readonly timers: Timers;
  readonly limits: ReadLaneLimits;
  /** Rows that failed their check, as each answer tells them. */
  onCorrupt(rows: CorruptRows): void;
}

export interface ReadLaneLimits {
  /** Queries and questions for hints that have not been answered; more fail as overloaded. */
  readonly queriesMax: number;
  /** Messages on their way to or in one reader at once. */
  readonly messagesPerReaderMax: number;
}

export interface CorruptRows {
  readonly dataRowsCorrupt: number;
  readonly hintRowsCorrupt: number;
}

type Answer = (read: ReplicaRead) => void;

interface HintQuestion {
  readonly query: HintQuery;
  readonly answer: (batch: HintBatch) => void;
}

/** Who waits for the answer to one message. */
type Waiting = readonly Answer[] | HintQuestion;

interface ReaderEnd {
  readonly pipe: MessagePipe;
  /** Message by message, oldest first. */
  readonly unanswered: Waiting[];
}

const overloaded = { status: "failed", message: "overloaded: too many reads wait for the disk" } as const;

export class ReadLane {
  readonly #parts: ReadLaneParts;
  readonly #readers: readonly ReaderEnd[];
  #queries: ReplicaQuery[] = [];
  #answers: Answer[] = [];
  #hintQuestions: HintQuestion[] = [];
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

  submitHintQuery(query: HintQuery, answer: (batch: HintBatch) => void): void {
    if (this.#pending >= this.#parts.limits.queriesMax) {
      answer(overloaded);
      return;
    }
    this.#pending += 1;
    this.#hintQuestions.push({ query, answer });
    this.#scheduleFlush();
  }

  /** Answers everything that is unanswered: the other end is gone. */
  fail(message: string): void {
    const waiting = [
      ...this.#readers.flatMap(({ unanswered }) => unanswered),
      this.#answers,
      ...this.#hintQuestions,
    ];
    for (const reader of this.#readers) reader.unanswered.length = 0;
    this.#queries = [];
    this.#answers = [];
    this.#hintQuestions = [];
    this.#pending = 0;
    for (const each of waiting) {
      if ("query" in each) each.answer({ status: "failed", message });
      else for (const answer of each) answer({ status: "failed", message });
    }
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#parts.timers.soon(this.#flushNow);
  }

  #flush(): void {
    if (this.#queries.length > 0) {
      const reader = this.#idlest();
      if (reader === undefined) return;
      const message = encodeQueries(this.#queries);
      reader.unanswered.push(this.#answers);
      this.#queries = [];
      this.#answers = [];
      reader.pipe.post(message);
    }
    while (this.#hintQuestions.length > 0) {
      const reader = this.#idlest();
      if (reader === undefined) return;
      const question = this.#hintQuestions.shift()!;
      reader.unanswered.push(question);
      reader.pipe.post(encodeHintQuery(question.query));
    }
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
    const waiting = reader.unanswered.shift();
    if (waiting === undefined) return; // failed in the meantime
    if ("query" in waiting) this.#receiveHints(waiting, message);
    else this.#receiveReads(waiting, message);
    if (this.#queries.length > 0 || this.#hintQuestions.length > 0) this.#scheduleFlush();
  }

  #receiveReads(waiting: readonly Answer[], message: Uint8Array): void {
    const answered = decodeAnswers(message);
    invariant(
      waiting.length === answered.reads.length,
      "a reader answered another number of queries than it was asked",
    );
    this.#pending -= waiting.length;
    for (let i = 0; i < waiting.length; i++) waiting[i]!(answered.reads[i]!);
    this.#parts.onCorrupt(answered);
  }

  #receiveHints({ answer }: HintQuestion, message: Uint8Array): void {
    const answered = decodeHints(message);
    this.#pending -= 1;
    answer(answered.batch);
    this.#parts.onCorrupt(answered);
  }
}
