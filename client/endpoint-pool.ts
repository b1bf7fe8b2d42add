import { DynamoError } from "./dynamo-error.ts";

/**
 * Which node to ask next. An endpoint that did not answer rests for a while that doubles with each failure in a row;
 * after it, one request goes there as a probe before the others follow. Preferred endpoints (the owners of the key,
 * see routing-table.ts) come first, then the rest in turn; one that rests is asked only when nothing else is left:
 * a client never gives up because of its own bookkeeping.
 */
export class EndpointPool {
  readonly #configured: readonly string[];
  readonly #rests = new Map<string, { failures: number; untilMs: number }>();
  #turn: number;

  /** @param firstTurn where the rotation starts: random, so that many clients do not all begin at the first node */
  constructor(endpoints: readonly string[], firstTurn: number) {
    this.#configured = endpoints.map(parseEndpoint);
    if (this.#configured.length === 0) {
      throw new DynamoError("at least one endpoint is needed, e.g. http://127.0.0.1:8081", {
        code: "invalid_argument",
      });
    }
    this.#turn = firstTurn;
  }

  get configured(): readonly string[] {
    return this.#configured;
  }

  /** @param tried endpoints that this call has already asked, oldest first */
  pick(preferred: readonly string[], tried: readonly string[], nowMs: number): string {
    const candidates = [...preferred, ...this.#rotated().filter((endpoint) => !preferred.includes(endpoint))];
    const fresh = candidates.filter((endpoint) => !tried.includes(endpoint));
    const awake = fresh.find((endpoint) => this.#isAwake(endpoint, nowMs));
    const picked =
      awake ?? fresh[0] ?? tried.find((endpoint) => candidates.includes(endpoint)) ?? candidates[0]!;
    const rest = this.#rests.get(picked);
    if (rest !== undefined) rest.untilMs = Math.max(rest.untilMs, nowMs + PROBE_MS);
    return picked;
  }

  hasUntried(tried: readonly string[]): boolean {
    return this.#configured.some((endpoint) => !tried.includes(endpoint));
  }

  answered(endpoint: string): void {
    this.#rests.delete(endpoint);
  }

  silent(endpoint: string, nowMs: number): void {
    const failures = (this.#rests.get(endpoint)?.failures ?? 0) + 1;
    this.#rests.set(endpoint, {
      failures,
      untilMs: nowMs + Math.min(REST_MS_MAX, REST_MS_MIN * 2 ** (failures - 1)),
    });
    if (this.#rests.size > RESTS_MAX) this.#rests.delete(this.#rests.keys().next().value!);
  }

  #isAwake(endpoint: string, nowMs: number): boolean {
    const rest = this.#rests.get(endpoint);
    return rest === undefined || nowMs >= rest.untilMs;
  }

  #rotated(): string[] {
    const start = this.#turn++ % this.#configured.length;
    return [...this.#configured.slice(start), ...this.#configured.slice(0, start)];
  }
}

const REST_MS_MIN = 200;
const REST_MS_MAX = 10_000;
const PROBE_MS = 500;
/** Addresses of the routing table come and go; their bookkeeping must not grow with them. */
const RESTS_MAX = 1_024;

/** `http://host:port` without a trailing slash; a bare `host:port` means http. Throws DynamoError invalid_argument. */
export function parseEndpoint(text: string): string {
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  const usable = url !== undefined && (url.protocol === "http:" || url.protocol === "https:");
  if (!usable || url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "") {
    throw new DynamoError(`not an endpoint: ${JSON.stringify(text)}; write it as http://host:port`, {
      code: "invalid_argument",
    });
  }
  return url.origin;
}
