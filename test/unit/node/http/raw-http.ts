import { connect, type Socket } from "node:net";

/**
 * Bytes over a socket and the answers that come back, for requests that no HTTP library would send. Answers are read
 * by Content-Length alone, which every answer of a node but 1xx, 204 and those to HEAD carries.
 */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface RawTarget {
  readonly host: string;
  readonly port: number;
}

export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor({ host, port }: RawTarget) {
    this.socket = connect(port, host);
    this.socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#wake();
    };
    // A reset after the answer is as good an end as any; without an answer, `answer` says so.
    this.socket.on("error", ended);
    this.socket.on("end", ended);
    this.socket.on("close", ended);
  }

  write(data: string | Uint8Array): void {
    this.socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
  }

  /** The next answer. `bodyless` for the answer to a HEAD. Rejects where the connection ends before it is whole. */
  async answer({ bodyless = false, withinMs = 10_000 } = {}): Promise<RawAnswer> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      const answer = this.#takeAnswer(bodyless);
      if (answer !== undefined) return answer;
      if (this.#ended)
        throw new Error(`the connection ended after ${JSON.stringify(this.#received.toString("latin1"))}`);
      await this.#more(deadlineMs, "an answer");
    }
  }

  /** Resolves when the other side has closed. */
  async closed(withinMs = 10_000): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    while (!this.#ended) await this.#more(deadlineMs, "the end of the connection");
  }

  /** Bytes that no `answer` has taken. */
  get unread(): string {
    return this.#received.toString("latin1");
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #more(deadlineMs: number, what: string): Promise<void> {
    const leftMs = deadlineMs - performance.now();
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), Math.max(0, leftMs));
      });
    } finally {
      clearTimeout(timer);
    }
  }

  #takeAnswer(bodyless: boolean): RawAnswer | undefined {
    const headEnd = this.#received.indexOf("\r\n\r\n");
    if (headEnd === -1) return undefined;
    const [statusLine = "", ...lines] = this.#received.toString("latin1", 0, headEnd).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
    const headers = new Map(
      lines.map((line) => [
        line.slice(0, line.indexOf(":")).toLowerCase(),
        line.slice(line.indexOf(":") + 1).trim(),
      ]),
    );
    const hasBody = !bodyless && status >= 200 && status !== 204;
    const length = hasBody ? Number(headers.get("content-length") ?? 0) : 0;
    const end = headEnd + 4 + length;
    if (this.#received.length < end) return undefined;
    const body = this.#received.subarray(headEnd + 4, end);
    this.#received = this.#received.subarray(end);
    return { status, headers, body };
  }
}

/** Sends bytes on a connection of their own and answers the first answer to them. */
export async function exchange(target: RawTarget, data: string | Uint8Array): Promise<RawAnswer> {
  const connection = new RawConnection(target);
  try {
    connection.write(data);
    const bodyless = typeof data === "string" && data.startsWith("HEAD ");
    return await connection.answer({ bodyless });
  } finally {
    connection.destroy();
  }
}

/** A request's bytes: a Host header, the given ones, and a Content-Length where there is a body. */
export function request(
  method: string,
  target: string,
  headers: readonly string[] = [],
  body?: string,
): string {
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body, "latin1")}`];
  return [`${method} ${target} HTTP/1.1`, "Host: node", ...length, ...headers, "", body ?? ""].join("\r\n");
}

export function errorCode(answer: RawAnswer): string {
  const { error } = JSON.parse(answer.body.toString("utf8")) as { error: { code: string } };
  return error.code;
}
