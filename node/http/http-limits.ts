/** Bounds of the HTTP face. Each is a defence named in docs/API.md; the defaults suit one core and 1 KiB values. */
export interface HttpLimits {
  /** Longest value. */
  readonly valueBytesMax: number;
  /** Key-value requests under way at once. */
  readonly requestsMax: number;
  /** Bytes of the bodies of those requests. */
  readonly bodyBytesMax: number;
  readonly connectionsMax: number;
  /** Unanswered requests of one connection; more (pipelined) are turned away. */
  readonly pipelinedRequestsMax: number;
  /** Requests that take longer than this wait for one another: fewer are let in. */
  readonly delayMsTarget: number;
  /** Requests are turned away while every turn of the event loop comes later than this. Well under the default
   *  timeout, and well over what a busy neighbour on the same cores does to a healthy node. */
  readonly eventLoopDelayMsMax: number;
  readonly headersTimeoutMs: number;
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly headerBytesMax: number;
}

/** The rest of a refused body up to this length is read and dropped, and the connection stays open. */
export const DRAINED_BYTES_MAX = 64 * 1024;

export const defaultHttpLimits: HttpLimits = {
  valueBytesMax: 1024 * 1024,
  requestsMax: 512,
  bodyBytesMax: 64 * 1024 * 1024,
  connectionsMax: 8_192,
  pipelinedRequestsMax: 64,
  delayMsTarget: 120,
  eventLoopDelayMsMax: 250,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 60_000,
  headerBytesMax: 104 * 1024,
};
