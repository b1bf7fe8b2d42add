/** What the HTTP face has to say to metrics and logs; called once or twice a request, so it must be cheap. */
export interface HttpObserver {
  /** A key-value request was answered. `durationMs`: from its complete head to the answer's last byte handed over. */
  answered(method: string, status: number, durationMs: number): void;
  /** A request was turned away before its body was read. */
  shed(reason: ShedReason): void;
  /** A connection was closed because of what came over it, or because there are too many. */
  connectionRefused(code: string): void;
  /** A handler threw: a programmer's error, answered with 500. */
  handlerFailed(error: unknown, requestId: string): void;
}

export type ShedReason = "requests" | "delay" | "body_bytes" | "event_loop" | "pipeline";
