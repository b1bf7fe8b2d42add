import type { BulkQuestion, CorruptRows } from "./bulk-question.ts";
import type { MessagePipe } from "../ports/message-pipe.ts";
import type { ReplicaQuery, ReplicaRead } from "../ports/replica-store.ts";
import type { Timers } from "../ports/timers.ts";
import { decodeAnswers, encodeQueries } from "./read-codec.ts";
import { invariant } from "../invariant.ts";

/**
 * The network thread's end of the pipes to the reader threads. The queries of a tick leave in one message to the
 * reader with the fewest unanswered messages; while all have theirs, the next message gathers. A bulk question (hints,
 * the Merkle tree) is a message of its own, after the queries: nobody waits for it. Of those about the tree, which take
 * longest, one is under way at a time, so that another reader is free for gets. Bounded in all together.
 */
export interface ReadLaneParts {
  readonly pipes: readonly MessagePipe[];
  readonly timers: Timers;
  readonly limits: ReadLaneLimits;
  /** Rows that failed their check, as each answer tells them. */
  onCorrupt(rows: CorruptRows): void;
}

export interface ReadLaneLimits {
  /** Queries and bulk questions that have not been answered; more fail as overloaded. */
  readonly queriesMax: number;
  /** Messages on their way to or in one reader at once. */
  readonly messagesPerReaderMax: number;
}

type Answer = (read: ReplicaRead) => void;

/** Who waits for the answer to one message. */
type Waiting = readonly Answer[] | BulkQuestion;

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
  readonly #bulk: BulkQuestion[] = [];
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

  submitBulk(question: BulkQuestion): void {
    if (this.#pending >= this.#parts.limits.queriesMax) {
      question.failed(overloaded.message);
      return;
    }
    this.#pending += 1;
    this.#bulk.push(question);
    this.#scheduleFlush();
  }

  /** Answers everything that is unanswered: the other end is gone. */
  fail(message: string): void {
    const waiting = [
      ...this.#readers.flatMap(({ unanswered }) => unanswered),
      this.#answers,
      ...this.#bulk.splice(0),
    ];
    for (const reader of this.#readers) reader.unanswered.length = 0;
    this.#queries = [];
    this.#answers = [];
    this.#pending = 0;
    for (const each of waiting) {
      if ("topic" in each) each.failed(message);
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
    for (let next = this.#nextBulk(); next >= 0; next = this.#nextBulk()) {
      const reader = this.#idlest();
      if (reader === undefined) return;
      const [question] = this.#bulk.splice(next, 1);
      reader.unanswered.push(question!);
      reader.pipe.post(question!.encode());
    }
  }

  /** Which bulk question may go; -1 where none. */
  #nextBulk(): number {
    if (this.#bulk.length === 0) return -1;
    const isOfTree = (each: Waiting): boolean => "topic" in each && each.topic === "merkle";
    const mayAskTree = !this.#readers.some(({ unanswered }) => unanswered.some(isOfTree));
    return this.#bulk.findIndex((question) => mayAskTree || !isOfTree(question));
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
    if ("topic" in waiting) this.#receiveBulk(waiting, message);
    else this.#receiveReads(waiting, message);
    if (this.#queries.length > 0 || this.#bulk.length > 0) this.#scheduleFlush();
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

  #receiveBulk(question: BulkQuestion, message: Uint8Array): void {
    this.#pending -= 1;
    this.#parts.onCorrupt(question.answered(message));
  }
}
