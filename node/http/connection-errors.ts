import { randomUUID } from "node:crypto";
import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { connectionState } from "./connection-state.ts";
import { type ErrorAnswer, errorHeaders, errorText } from "./error-response.ts";
import type { HttpObserver } from "./http-observer.ts";

/**
 * Answers for what never became a request: broken bytes, a head too long, a client too slow. Node's own answers
 * have no body; ours are JSON like every other. The connection is closed in any case, because nobody knows where
 * the next request would start.
 */
export function answerConnectionErrors(server: Server, observer: HttpObserver): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    observer.connectionRefused(error.code ?? "unknown");
    if (socket.writable && connectionState(socket).mayAnswerBrokenInput())
      refuse(socket, ANSWERS.get(error.code ?? "") ?? NOT_HTTP);
    else socket.destroy();
  });
  server.on("connect", (_request, socket) => {
    observer.connectionRefused("CONNECT");
    refuse(socket, { status: 405, code: "method_not_allowed", message: "this is not a proxy" });
  });
  server.on("drop", () => observer.connectionRefused("connections_max"));
}

const ANSWERS: ReadonlyMap<string, ErrorAnswer> = new Map([
  [
    "HPE_HEADER_OVERFLOW",
    { status: 431, code: "head_too_large", message: "request line and headers are too long" },
  ],
  [
    "HPE_CHUNK_EXTENSIONS_OVERFLOW",
    { status: 413, code: "value_too_large", message: "chunk extensions are too long" },
  ],
  [
    "ERR_HTTP_REQUEST_TIMEOUT",
    { status: 408, code: "request_timeout", message: "the request did not come whole in time" },
  ],
]);

const NOT_HTTP: ErrorAnswer = {
  status: 400,
  code: "invalid_request",
  message: "this is not well-formed HTTP/1.1",
};

/** The client gets time to read the answer: a close with unread bytes would reset the connection under it. */
const CLOSE_AFTER_MS = 500;

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Payload Too Large",
  431: "Request Header Fields Too Large",
};

function refuse(socket: Duplex, answer: ErrorAnswer): void {
  const requestId = randomUUID();
  const text = errorText(answer, requestId);
  const headers = [...errorHeaders(answer, requestId, text), "Connection", "close"];
  let head = `HTTP/1.1 ${answer.status} ${REASONS[answer.status] ?? "Error"}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  socket.on("error", () => socket.destroy());
  socket.end(`${head}\r\n${text}`);
  setTimeout(() => socket.destroy(), CLOSE_AFTER_MS).unref();
}
