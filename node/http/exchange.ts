import type { IncomingMessage, ServerResponse } from "node:http";
import { hasBody } from "./body-reader.ts";
import { type ConnectionState, connectionState } from "./connection-state.ts";
import { type ErrorAnswer, errorHeaders, errorText } from "./error-response.ts";
import { DRAINED_BYTES_MAX } from "./http-limits.ts";
import type { HttpObserver } from "./http-observer.ts";

const ONE_PIECE_BYTES_MAX = 16 * 1024;

/**
 * One key-value request and its one answer. Head and body are handed to Node in one go; that, and not going through
 * a framework, is what makes the hot path cheap. Invariant: exactly one of the `end…` methods is called, once.
 */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: ConnectionState;
  readonly method: string;
  /** Sent back on every answer; set before anything can be answered. */
  requestId = "";
  /** The client waits for "100 Continue" before it sends the body. */
  readonly expectsContinue: boolean;
  readonly #observer: HttpObserver;
  readonly #closesAfterwards: () => boolean;
  readonly #startMs: number;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    options: { observer: HttpObserver; expectsContinue: boolean; closesAfterwards: () => boolean },
  ) {
    this.#startMs = performance.now();
    this.request = request;
    this.response = response;
    this.connection = connectionState(request.socket);
    this.connection.unanswered += 1;
    this.method = request.method ?? "";
    this.expectsContinue = options.expectsContinue;
    this.#observer = options.observer;
    this.#closesAfterwards = options.closesAfterwards;
  }

  /** `headers`: flat name-value pairs, given away. They frame the body themselves (Content-Length), except for 204. */
  end(status: number, headers: string[], body?: Uint8Array | string): void {
    // Asked now, not when the request came: a client that is not told would send its next request into the close.
    if (this.#closesAfterwards()) headers.push("Connection", "close");
    this.#settle(status);
    this.response.writeHead(status, headers);
    // A small value leaves with the head in one piece, as text of bytes: a Buffer would be a second piece to write,
    // and the request cost a tenth to a third more (measured on node:http alone, 1 KiB).
    if (body instanceof Uint8Array && body.length <= ONE_PIECE_BYTES_MAX) {
      this.response.end(Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1"), "latin1");
    } else {
      this.response.end(body);
    }
  }

  endWithError(answer: ErrorAnswer, extraHeaders: readonly string[] = []): void {
    const text = errorText(answer, this.requestId);
    const headers = errorHeaders(answer, this.requestId, text);
    for (const part of extraHeaders) headers.push(part);
    if (this.request.complete || !hasBody(this.request)) {
      this.end(answer.status, headers, text);
    } else if (this.#restIsSmall()) {
      // Node reads and drops the rest: cheaper for both sides than a new connection.
      this.connection.answeredEarly = this.request;
      this.end(answer.status, headers, text);
    } else {
      this.connection.answeredEarly = this.request;
      this.#endAndClose(answer.status, headers, text);
    }
  }

  #restIsSmall(): boolean {
    if (this.expectsContinue) return false;
    return Number(this.request.headers["content-length"] ?? Infinity) <= DRAINED_BYTES_MAX;
  }

  /**
   * Answers while the client may still be sending. The whole answer goes out now; the connection is closed a little
   * later, because closing with unread bytes would reset it before the client has read why.
   */
  #endAndClose(status: number, headers: string[], text: string): void {
    const { request, response } = this;
    headers.push("Connection", "close");
    this.#settle(status);
    response.writeHead(status, headers);
    response.write(text);
    let bytesLeft = DRAINED_BYTES_MAX * 16;
    const close = (): void => {
      clearTimeout(timer);
      response.end();
    };
    const timer = setTimeout(close, CLOSE_AFTER_MS);
    request.on("data", (chunk: Buffer) => {
      bytesLeft -= chunk.length;
      if (bytesLeft < 0) close();
    });
    request.once("end", close);
    request.once("close", close);
  }

  /** The client went away before its request was whole: there is nobody to answer. */
  abandon(): void {
    this.#settle(0);
  }

  #settle(status: number): void {
    this.connection.unanswered -= 1;
    this.#observer.answered(this.method, status, performance.now() - this.#startMs);
  }
}

const CLOSE_AFTER_MS = 500;
