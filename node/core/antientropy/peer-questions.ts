import { MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Clock } from "../ports/clock.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import {
  type Answer,
  type AnswerKind,
  type Answers,
  type Declined,
  decodeAnswer,
} from "./exchange-answers.ts";
import { type Question, type RingName, writeQuestion } from "./exchange-questions.ts";
import { ExchangeStopped, type ExchangeTally, type TimeAllowed } from "./exchange-report.ts";

/**
 * Asks one peer the questions of one exchange, each until it is answered, the peer declines or time is up, and counts
 * the bytes. Questions change nothing, so one that was lost on the way is asked again, with more patience each time; so
 * is one that a peer was too busy for in the middle of an exchange.
 */
export interface PeerQuestionsParts {
  readonly calls: PeerCalls;
  readonly isConnected: (peer: NodeId) => boolean;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
}

/** A question without the ring that all of them name. */
export type Asked<K extends AnswerKind = AnswerKind> = K extends AnswerKind
  ? Omit<Extract<Question, { kind: K }>, "ring">
  : never;

/** Of the first attempt; each further one has twice as much, up to the bound. */
const ANSWER_TIMEOUT_MS = 2_000;
const ANSWER_TIMEOUT_MS_MAX = 8_000;
const ATTEMPTS_MAX = 4;
/** Longer each time, and never the same for two nodes. */
const BUSY_PAUSE_MS = 200;

export class PeerQuestions {
  readonly peer: NodeId;
  readonly ring: RingName;
  readonly tally: ExchangeTally;
  readonly #allowed: TimeAllowed;
  readonly #parts: PeerQuestionsParts;

  constructor(
    { peer, ring, ...allowed }: { peer: NodeId; ring: RingName } & TimeAllowed,
    tally: ExchangeTally,
    parts: PeerQuestionsParts,
  ) {
    this.peer = peer;
    this.ring = ring;
    this.tally = tally;
    this.#allowed = allowed;
    this.#parts = parts;
  }

  /**
   * How long the n-th attempt (from 1) at a call may wait. Throws ExchangeStopped where there is no more time, or
   * nobody waits for it any more.
   */
  timeoutMs(attempt: number): number {
    if (!this.#allowed.isWanted())
      throw new ExchangeStopped("failed", "whoever asked for this exchange has gone; the next one goes on");
    const leftMs = this.#allowed.deadlineMs - this.#parts.clock.monotonicMs();
    if (leftMs <= 0)
      throw new ExchangeStopped("failed", "the time for this exchange is up; the next one goes on");
    return Math.min(ANSWER_TIMEOUT_MS * 2 ** (attempt - 1), ANSWER_TIMEOUT_MS_MAX, leftMs);
  }

  /** Throws ExchangeStopped where no answer is to be had. */
  async ask<K extends AnswerKind>(asked: Asked<K> & { readonly kind: K }): Promise<Answers[K]> {
    const question = { ...asked, ring: this.ring } as unknown as Question;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#askOnce(question, asked.kind, attempt);
      if (answer.status === "ok") return answer.body;
      stopUnlessWorthwhile(answer, asked.kind);
      if (attempt === ATTEMPTS_MAX || !this.#parts.isConnected(this.peer))
        throw new ExchangeStopped("failed", answer.message);
      if (answer.status !== "lost")
        await this.pause(BUSY_PAUSE_MS * attempt + this.#parts.random.below(BUSY_PAUSE_MS));
    }
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(delayMs, resolve));
  }

  async #askOnce<K extends AnswerKind>(
    question: Question,
    kind: K,
    attempt: number,
  ): Promise<Answer<K> | Silence> {
    const writer = new ByteWriter(1_024);
    writeQuestion(writer, question);
    const body = writer.finish();
    const limits = { timeoutMs: this.timeoutMs(attempt), lane: "bulk" } as const;
    const answer = await this.#parts.calls.call(this.peer, { kind: "anti_entropy", body }, limits);
    if (answer.status === "not_sent")
      return { status: "not_sent", message: "the connection to the peer is full" };
    this.tally.bytesSent += body.length;
    if (answer.status === "lost")
      return { status: "lost", message: `the peer did not answer the question for ${kind}` };
    this.tally.bytesReceived += answer.body.length;
    try {
      const decoded = decodeAnswer(kind, answer.body);
      requireAnswerTo(question, decoded);
      return decoded;
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.#parts.observer.event({
        kind: "peer_message_refused",
        peerId: this.peer,
        reason: error.message,
      });
      throw new ExchangeStopped("failed", `the peer's answer cannot be read: ${error.message}`);
    }
  }
}

/** Indexes of an answer point into what was asked: throws MalformedBytes where one may point beyond. */
function requireAnswerTo(question: Question, answer: Answer<AnswerKind>): void {
  if (!("positions" in question) || answer.status !== "ok" || !("positionsRead" in answer.body)) return;
  const { positionsRead } = answer.body;
  if (positionsRead > question.positions.length)
    throw new MalformedBytes(`${positionsRead} of ${question.positions.length} positions were looked at`);
}

interface Silence {
  readonly status: "lost" | "not_sent";
  readonly message: string;
}

/** Busy at the first question means that the exchange has not begun: it is put off, not kept waiting. */
function stopUnlessWorthwhile({ status, message }: Declined | Silence, asked: AnswerKind): void {
  if (status === "other_ring" || (status === "busy" && asked === "roots"))
    throw new ExchangeStopped("postponed", message);
  if (status === "refused" || status === "failed") throw new ExchangeStopped("failed", message);
}
