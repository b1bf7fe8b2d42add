import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";
import { REQUEST_ID_HEADER } from "../../../node/contract/http-headers.ts";

/**
 * Counts the HTTP requests that this process sends, by request id: how often the client library tried again is
 * nowhere in its answer, and a test of "retries hide it" must know that there was something to hide.
 */
const CHANNEL = "http.client.request.start";

/** Returns what ends the counting. */
export function countAttempts(onAttempt: (requestId: string) => void): () => void {
  const listener = (message: unknown): void => {
    const id = (message as { request: ClientRequest }).request.getHeader(REQUEST_ID_HEADER);
    if (typeof id === "string") onAttempt(id);
  };
  subscribe(CHANNEL, listener);
  return () => void unsubscribe(CHANNEL, listener);
}
