/**
 * Reads HTTP/1.1 answers off a byte stream and keeps of each what a load test counts. Node's own client costs three
 * times as much a request, and the generator shares the machine with what it measures. Knows what a node's
 * key-value port sends: a Content-Length or none, never chunks; anything else throws.
 */
export interface SeenAnswer {
  readonly status: number;
  readonly retryAfter: boolean;
  /** The server ends the connection after this answer. */
  readonly closes: boolean;
}

export class AnswerParser {
  readonly #onAnswer: (answer: SeenAnswer) => void;
  #rest: Buffer | undefined;
  #bodyLeft = 0;
  #answer: SeenAnswer | undefined;

  constructor(onAnswer: (answer: SeenAnswer) => void) {
    this.#onAnswer = onAnswer;
  }

  /** The bytes may be overwritten afterwards. */
  push(received: Buffer): void {
    const chunk = this.#rest === undefined ? received : Buffer.concat([this.#rest, received]);
    this.#rest = undefined;
    let at = 0;
    while (at < chunk.length || this.#answer !== undefined) {
      if (this.#answer === undefined) {
        const end = chunk.indexOf("\r\n\r\n", at, "latin1");
        if (end === -1) {
          this.#rest = Buffer.from(chunk.subarray(at));
          return;
        }
        this.#readHead(chunk.toString("latin1", at, end));
        at = end + 4;
      }
      const skipped = Math.min(this.#bodyLeft, chunk.length - at);
      at += skipped;
      this.#bodyLeft -= skipped;
      if (this.#bodyLeft > 0) return;
      const answer = this.#answer!;
      this.#answer = undefined;
      this.#onAnswer(answer);
    }
  }

  #readHead(head: string): void {
    if (!head.startsWith("HTTP/1.1 ")) throw new Error(`not an HTTP/1.1 answer: ${head.slice(0, 80)}`);
    if (/\r\ntransfer-encoding:/i.test(head)) throw new Error("an answer in chunks, which no node sends");
    const status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#bodyLeft = status === 204 ? 0 : Number(length ?? 0);
    this.#answer = {
      status,
      retryAfter: /\r\nretry-after:/i.test(head),
      closes: /\r\nconnection: *close/i.test(head),
    };
  }
}
