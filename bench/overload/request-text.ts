/**
 * What the load consists of. Puts write ever new keys, so that no run makes siblings; gets read keys that were put
 * before the measurement. Every request names its deadline to the node.
 */
export type Workload = "put" | "get" | "mixed";

export const WORKLOADS: readonly Workload[] = ["put", "get", "mixed"];

export interface RequestTextOptions {
  readonly workload: Workload;
  readonly valueBytes: number;
  readonly deadlineMs: number;
  /** How many keys `preload` makes, for gets. */
  readonly keys: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class RequestText {
  readonly #options: RequestTextOptions;
  readonly #putTail: string;
  readonly #getTail: string;
  #puts = 0;

  constructor(options: RequestTextOptions) {
    this.#options = options;
    const { deadlineMs, valueBytes } = options;
    this.#getTail = `?timeout_ms=${deadlineMs} HTTP/1.1\r\nHost: node\r\n`;
    this.#putTail = `${this.#getTail}Content-Length: ${valueBytes}\r\n\r\n${"x".repeat(valueBytes)}`;
    this.#getTail += "\r\n";
  }

  /** The put of key number `index` of those that gets ask for. */
  preload(index: number): string {
    return `PUT /v1/kv/overload/read-${index}${this.#putTail}`;
  }

  next(): string {
    const { workload, random, keys } = this.#options;
    const puts = workload === "put" || (workload === "mixed" && random() < 0.5);
    if (puts) return `PUT /v1/kv/overload/put-${this.#puts++}${this.#putTail}`;
    return `GET /v1/kv/overload/read-${Math.floor(random() * keys)}${this.#getTail}`;
  }
}
