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
 *
 * A bulk question fails after `bulkWaitMsMax`: whoever asks does so in turns that a disk without an answer must not hold
 * for ever. The reader still owes its answer, and until then gets go to another one where there is one.
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
  /** From the moment a bulk question is submitted; then it fails. */
  readonly bulkWaitMsMax: number;
}

type Answer = (read: ReplicaRead) => void;

/** Who waits for the answer to one message. */
type Waiting = readonly Answer[] | AskedBulk;

interface AskedBulk {
  readonly question: BulkQuestion;
  readonly cancel: () => void;
  /** It was failed; its answer, if it ever comes, is dropped. */
  isOverdue: boolean;
}

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
  readonly #bulk: AskedBulk[] = [];
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
    const { timers, limits } = this.#parts;
    const cancel = timers.after(limits.bulkWaitMsMax, () => this.#overdue(asked));
    const asked: AskedBulk = { question, cancel, isOverdue: false };
    this.#bulk.push(asked);
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
      if ("question" in each) {
        each.cancel();
        if (!each.isOverdue) each.question.failed(message);
      } else for (const answer of each) answer({ status: "failed", message });
    }
  }

  #overdue(asked: AskedBulk): void {
    asked.isOverdue = true;
    this.#pending -= 1;
    const waitsAt = this.#bulk.indexOf(asked);
    if (waitsAt >= 0) this.#bulk.splice(waitsAt, 1);
    asked.question.failed(
      `the disk gave no answer in ${this.#parts.limits.bulkWaitMsMax / 1_000} s: see whether it hangs`,
    );
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
      const [asked] = this.#bulk.splice(next, 1);
      reader.unanswered.push(asked!);
      reader.pipe.post(asked!.question.encode());
    }
  }

  /** Which bulk question may go; -1 where none. */
  #nextBulk(): number {
    if (this.#bulk.length === 0) return -1;
    const isOfTree = (each: Waiting): boolean => "question" in each && each.question.topic === "merkle";
    const mayAskTree = !this.#readers.some(({ unanswered }) => unanswered.some(isOfTree));
    return this.#bulk.findIndex((asked) => mayAskTree || !isOfTree(asked));
  }

  /**
   * Readers take turns where equally idle; one that leaves a question unanswered comes after all others. Undefined where
   * each has all it may have.
   */
  #idlest(): ReaderEnd | undefined {
    let idlest: ReaderEnd | undefined;
    const count = this.#readers.length;
    for (let i = 0; i < count; i++) {
      const reader = this.#readers[(this.#turn + i) % count]!;
      if (reader.unanswered.length >= this.#parts.limits.messagesPerReaderMax) continue;
      if (idlest === undefined || loadOf(reader) < loadOf(idlest)) idlest = reader;
    }
    this.#turn = (this.#turn + 1) % count;
    return idlest;
  }

  #receive(reader: ReaderEnd, message: Uint8Array): void {
    const waiting = reader.unanswered.shift();
    if (waiting === undefined) return; // failed in the meantime
    if ("question" in waiting) this.#receiveBulk(waiting, message);
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

  #receiveBulk({ question, cancel, isOverdue }: AskedBulk, message: Uint8Array): void {
    if (isOverdue) return;
    cancel();
    this.#pending -= 1;
    this.#parts.onCorrupt(question.answered(message));
  }
}

/** Messages that wait; far more of them where one is overdue. */
function loadOf({ unanswered }: ReaderEnd): number {
  const hangs = unanswered.some((each) => "question" in each && each.isOverdue);
  return unanswered.length + (hangs ? HANGING_LOAD : 0);
}

const HANGING_LOAD = 1_000;
