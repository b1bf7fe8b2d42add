import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { type ConnectionState, connectionState } from "./connection-state.ts";
import type { Refusal } from "./early-refusal.ts";
import { type PlainRequest, plainRequest } from "./plain-request.ts";

/**
 * Refuses requests on the socket, before Node's parser and its request and response objects, which are most of what a
 * refusal costs: without them three times as many are turned away for the same work.
 * Intuition: on a connection that was refused once, each chunk is looked at first. While the node refuses, a chunk
 * that is one whole plain request is answered here and the parser never sees it; everything else goes to the parser
 * as if nobody had looked.
 * Invariant: nothing is taken for a request that the parser would not take for one. So a chunk is answered here only
 * at a proven boundary: the chunk before was answered here too, or the parser found in it exactly the one request that
 * it spells, whole, with the same lines. And no answer overtakes another: all of the parser's have left.
 */
type Refuse = (request: PlainRequest) => Refusal | undefined;

const HEAD = `HTTP/1.1 503 ${STATUS_CODES[503]!}\r\n`;

/** `refuse`: the refusal of such a request now, and from now on it counts as refused; undefined: it may come in. */
export function watchForRefusals(socket: Socket, refuse: Refuse): void {
  const state = connectionState(socket);
  if (state.watched) return;
  const listeners = socket.listeners("data");
  // Node's parser listens, and nobody else: otherwise this is not the Node that we know, and all stays as it is.
  if (listeners.length !== 1) return;
  const parse = listeners[0] as (chunk: Buffer) => void;
  state.watched = true;
  socket.removeListener("data", parse);
  socket.on("data", (chunk: Buffer) => {
    const request = plainRequest(chunk);
    const refusal = request !== undefined && mayAnswer(socket, state) ? refuse(request) : undefined;
    if (refusal !== undefined) {
      socket.write(answerText(refusal), "latin1");
      return;
    }
    const requestsBefore = state.requests;
    parse.call(socket, chunk);
    const found = state.requests === requestsBefore + 1 ? state.last?.request : undefined;
    state.atBoundary = request !== undefined && found !== undefined && isThat(request, found);
  });
}

function mayAnswer(socket: Socket, { atBoundary, last }: ConnectionState): boolean {
  return atBoundary && last?.response.writableFinished === true && socket.writableLength === 0;
}

/** Whether the parser found exactly what the chunk spells, no line more, and is through with it. */
function isThat({ method, target, headerLines }: PlainRequest, found: IncomingMessage): boolean {
  const same = found.method === method && found.url === target;
  return same && found.complete && found.rawHeaders.length === 2 * headerLines;
}

function answerText({ headers, text }: Refusal): string {
  let answer = HEAD;
  for (let i = 0; i < headers.length; i += 2) answer += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return `${answer}\r\n${text}`;
}
