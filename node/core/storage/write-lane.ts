import type { Clock } from "../ports/clock.ts";
import type { Merged, Stored } from "../ports/replica-store.ts";
import type { MessagePipe } from "../ports/message-pipe.ts";
import type { Timers } from "../ports/timers.ts";
import { type BatchFacts, decodeWriterReply } from "./write-reply-codec.ts";
import { commandBytes, encodeWrites, type WriteCommand } from "./write-codec.ts";
import { invariant } from "../invariant.ts";

/**
 * The network thread's end of the pipe to the writer thread. The writes of a tick leave in one message; while two
 * messages are unanswered the next one gathers, so that messages, like batches, grow under load. Bounded in writes
 * and bytes, and with it the writer's queue at the other end.
 */
export interface WriteLaneParts {
  readonly pipe: MessagePipe;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly limits: WriteLaneLimits;
  onBatch(batch: BatchFacts): void;
}

export interface WriteLaneLimits {
  /** Writes that have not been answered; more are refused as overloaded. */
  readonly writesMax: number;
  /** Bytes of the same; more are refused as overloaded. */
  readonly bytesMax: number;
  /** Messages on their way or in the writer at once. */
  readonly messagesMax: number;
}

export interface PendingWrite {
  readonly command: WriteCommand;
  /** Undefined where nobody waits for a merged record. */
  readonly merged: ((result: Merged) => void) | undefined;
  /** Called before `settled` where the command is answered something beside it; the bytes are a view. */
  readonly answered?: ((answer: Uint8Array) => void) | undefined;
  readonly settled: (result: Stored) => void;
}

interface SentMessage {
  /** Writes of the message that have not been settled. */
  left: number;
}

interface Entry extends PendingWrite {
  readonly bytes: number;
  readonly sinceMs: number;
  message: SentMessage | undefined;
}

export class WriteLane {
  readonly #parts: WriteLaneParts;
  /** All that were not settled, by call and hence by age. */
  readonly #entries = new Map<number, Entry>();
  #gathered: Entry[] = [];
  #gatheredBytes = 0;
  #nextCall = 0;
  #bytes = 0;
  #messages = 0;
  #flushScheduled = false;
  readonly #flushNow = (): void => {
    this.#flushScheduled = false;
    this.#flush();
  };

  constructor(parts: WriteLaneParts) {
    this.#parts = parts;
    parts.pipe.onMessage((message) => this.#receive(message));
  }

  /** Writes that have not been answered. */
  get pending(): number {
    return this.#entries.size;
  }

  oldestAgeMs(): number {
    for (const { sinceMs } of this.#entries.values()) return this.#parts.clock.monotonicMs() - sinceMs;
    return 0;
  }

  /** False where the lane is full: nothing was sent, and neither callback will be called. */
  submit(write: PendingWrite): boolean {
    const { limits, clock } = this.#parts;
    const bytes = commandBytes(write.command);
    if (this.#entries.size >= limits.writesMax) return false;
    // One alone is taken whatever its size: siblings may merge into a record larger than any single write.
    if (this.#bytes > 0 && this.#bytes + bytes > limits.bytesMax) return false;
    const { command, merged, answered, settled } = write;
    const entry: Entry = {
      command,
      merged,
      answered,
      settled,
      bytes,
      sinceMs: clock.monotonicMs(),
      message: undefined,
    };
    this.#entries.set(this.#nextCall + this.#gathered.length, entry);
    this.#gathered.push(entry);
    this.#gatheredBytes += bytes;
    this.#bytes += bytes;
    this.#scheduleFlush();
    return true;
  }

  /** Answers everything that is unanswered: the other end is gone. What it was sent may be on the disk all the same. */
  fail(message: string): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#gathered = [];
    for (const { merged, settled, message: sent } of entries) {
      const code = sent === undefined ? "storage_failed" : "storage_lost";
      const result = { ok: false, code, message } as const;
      merged?.(result);
      settled(result);
    }
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled || this.#messages >= this.#parts.limits.messagesMax) return;
    this.#flushScheduled = true;
    this.#parts.timers.soon(this.#flushNow);
  }

  #flush(): void {
    if (this.#gathered.length === 0 || this.#messages >= this.#parts.limits.messagesMax) return;
    const message: SentMessage = { left: this.#gathered.length };
    const commands: WriteCommand[] = [];
    for (const entry of this.#gathered) {
      entry.message = message;
      commands.push(entry.command);
    }
    const bytes = encodeWrites(this.#nextCall, commands, this.#gatheredBytes);
    this.#nextCall += commands.length;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#messages += 1;
    this.#parts.pipe.post(bytes);
  }

  #receive(message: Uint8Array): void {
    const reply = decodeWriterReply(message);
    if (reply.kind === "merged") {
      for (const { call, result } of reply.merged) this.#entries.get(call)?.merged?.(result);
      return;
    }
    if (reply.kind === "answered") {
      for (const { call, answer } of reply.answers) this.#entries.get(call)?.answered?.(answer);
      return;
    }
    for (const { firstCall, count, result } of reply.runs) {
      for (let call = firstCall; call < firstCall + count; call++) this.#settle(call, result);
    }
    this.#parts.onBatch(reply.batch);
    if (this.#gathered.length > 0) this.#scheduleFlush();
  }

  #settle(call: number, result: Stored): void {
    const entry = this.#entries.get(call);
    if (entry === undefined) return;
    invariant(entry.message !== undefined, "a write was answered before it was sent");
    this.#entries.delete(call);
    this.#bytes -= entry.bytes;
    entry.message.left -= 1;
    if (entry.message.left === 0) this.#messages -= 1;
    // A batch that failed before its records were handed out answers both waves at once.
    if (!result.ok) entry.merged?.(result);
    entry.settled(result);
  }
}
