import { MalformedBytes } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Clock } from "../ports/clock.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import { type Answer, type AnswerKind, type Answers, decodeAnswer } from "./exchange-answers.ts";
import { type Question, type RingName, writeQuestion } from "./exchange-questions.ts";
import { ExchangeStopped, type ExchangeTally } from "./exchange-report.ts";

/**
 * Asks one peer the questions of one exchange, each until it is answered, the peer declines or time is up, and counts
 * the bytes. A peer that is busy in the middle of an exchange, or whose window is full, is asked again after a pause.
 */
export interface PeerQuestionsParts {
  readonly calls: PeerCalls;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
}

/** A question without the ring that all of them name. */
export type Asked<K extends AnswerKind = AnswerKind> = K extends AnswerKind
  ? Omit<Extract<Question, { kind: K }>, "ring">
  : never;

const ANSWER_TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 8;
/** Longer each time, and never the same for two nodes. */
const BUSY_PAUSE_MS = 100;

export class PeerQuestions {
  readonly peer: NodeId;
  readonly ring: RingName;
  readonly tally: ExchangeTally;
  readonly #deadlineMs: number;
  readonly #parts: PeerQuestionsParts;

  constructor(
    { peer, ring, deadlineMs }: { peer: NodeId; ring: RingName; deadlineMs: number },
    tally: ExchangeTally,
    parts: PeerQuestionsParts,
  ) {
    this.peer = peer;
    this.ring = ring;
    this.tally = tally;
    this.#deadlineMs = deadlineMs;
    this.#parts = parts;
  }

  /** What is left for one more call. Throws ExchangeStopped where that is nothing. */
  timeoutMs(): number {
    const leftMs = this.#deadlineMs - this.#parts.clock.monotonicMs();
    if (leftMs <= 0)
      throw new ExchangeStopped("failed", "the time for this exchange is up; the next one goes on");
    return Math.min(ANSWER_TIMEOUT_MS, leftMs);
  }

  /** Throws ExchangeStopped where no answer is to be had. */
  async ask<K extends AnswerKind>(asked: Asked<K> & { readonly kind: K }): Promise<Answers[K]> {
    const question = { ...asked, ring: this.ring } as unknown as Question;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#askOnce(question, asked.kind);
      if (answer?.status === "ok") return answer.body;
      if (answer !== undefined) stopUnlessBusy(answer, asked.kind);
      if (attempt === ATTEMPTS_MAX)
        throw new ExchangeStopped("failed", answer?.message ?? "the connection to the peer stays full");
      await this.pause(BUSY_PAUSE_MS * attempt + this.#parts.random.below(BUSY_PAUSE_MS));
    }
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(delayMs, resolve));
  }

  /** Undefined where nothing was sent. */
  async #askOnce<K extends AnswerKind>(question: Question, kind: K): Promise<Answer<K> | undefined> {
    const { calls, observer } = this.#parts;
    const writer = new ByteWriter(1_024);
    writeQuestion(writer, question);
    const body = writer.finish();
    const limits = { timeoutMs: this.timeoutMs(), lane: "bulk" } as const;
    const answer = await calls.call(this.peer, { kind: "anti_entropy", body }, limits);
    if (answer.status === "not_sent") return undefined;
    this.tally.bytesSent += body.length;
    if (answer.status === "lost") throw new ExchangeStopped("failed", `the peer did not answer (${kind})`);
    this.tally.bytesReceived += answer.body.length;
    try {
      return decodeAnswer(kind, answer.body);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      observer.event({ kind: "peer_message_refused", peerId: this.peer, reason: error.message });
      throw new ExchangeStopped("failed", `the peer's answer cannot be read: ${error.message}`);
    }
  }
}

/** Busy at the first question means that the exchange has not begun: it is put off, not kept waiting. */
function stopUnlessBusy(declined: Exclude<Answer<AnswerKind>, { status: "ok" }>, asked: AnswerKind): void {
  const { status, message } = declined;
  if (status === "other_ring" || (status === "busy" && asked === "roots"))
    throw new ExchangeStopped("postponed", message);
  if (status !== "busy") throw new ExchangeStopped("failed", message);
}
