import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

/**
 * What the face remembers of a connection, to bound pipelining and to know whom an answer to broken bytes would
 * reach: answers go out in the order of the requests, so an error may be written only when nothing older waits.
 */
export class ConnectionState {
  /** Requests whose answer has not been handed over yet. */
  unanswered = 0;
  /** The youngest of them, where its body is wanted and may not have come whole. */
  receiving: IncomingMessage | undefined;
  /** The last request that was answered before its body had come whole. */
  answeredEarly: IncomingMessage | undefined;

  /** Requests that Node's parser has found so far, and the last of them with its answer. */
  requests = 0;
  last: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined;
  /** Whether its bytes are looked at before Node's parser gets them: see socket-refusal.ts. */
  watched = false;
  /** Only where watched: whether the parser has certainly ended a request and begun no other. */
  atBoundary = false;

  found(request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    this.last = { request, response };
  }

  /** Whether the bytes that come now belong to a request that has no answer yet, and none older waits. */
  mayAnswerBrokenInput(): boolean {
    if (this.answeredEarly !== undefined && !this.answeredEarly.complete) return false;
    const incomplete = this.receiving !== undefined && !this.receiving.complete;
    return this.unanswered === (incomplete ? 1 : 0);
  }
}

const STATE = Symbol("connection state");

interface WithState extends Duplex {
  [STATE]?: ConnectionState;
}

export function connectionState(socket: Duplex): ConnectionState {
  const holder = socket as WithState;
  return (holder[STATE] ??= new ConnectionState());
}
