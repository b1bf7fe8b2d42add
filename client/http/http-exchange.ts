import http from "node:http";
import https from "node:https";
import type { IncomingHttpHeaders } from "node:http";

/**
 * One HTTP request and its whole answer, within a time, over connections that are kept open. It knows nothing of
 * retries or of DynamoKV. Built on node:http rather than fetch for two reasons: a URL parser turns the keys "." and
 * ".." (also "%2E%2E") into another path, and after a failure we must know whether any byte may have left.
 */
export interface Exchange {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Origin, e.g. http://127.0.0.1:8081 */
  readonly endpoint: string;
  /** Sent as it is: already percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
}

export type ExchangeFailure = "unreachable" | "connection_lost" | "timeout" | "aborted" | "bad_answer";

/** No usable answer came. `sent` is false only where provably no byte of the request left this process. */
export class ExchangeFailed extends Error {
  override readonly name = "ExchangeFailed";
  readonly reason: ExchangeFailure;
  readonly sent: boolean;

  constructor(reason: ExchangeFailure, sent: boolean, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
    this.sent = sent;
  }
}

export class HttpConnections {
  readonly #http: http.Agent;
  readonly #https: https.Agent;

  /** @param perEndpointMax connections to one endpoint; more requests wait for a free one */
  constructor(perEndpointMax: number) {
    const options = {
      keepAlive: true,
      maxSockets: perEndpointMax,
      maxFreeSockets: perEndpointMax,
      scheduling: "lifo",
    };
    this.#http = new http.Agent(options as http.AgentOptions);
    this.#https = new https.Agent(options as https.AgentOptions);
  }

  /** Rejects with ExchangeFailed. Every status is an answer. */
  send(exchange: Exchange): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (exchange.signal?.aborted) {
        reject(new ExchangeFailed("aborted", false, "aborted by the caller"));
        return;
      }
      const attempt = new Attempt(exchange, this.#start(exchange));
      attempt.outcome.then(resolve, reject);
    });
  }

  /** Closes every connection; requests under way fail. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #start({ endpoint, method, path, headers, body }: Exchange): http.ClientRequest {
    const { protocol, hostname, port } = new URL(endpoint);
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const options = {
      method,
      path,
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? undefined : Number(port),
      headers: { ...headers, ...length },
      maxHeaderSize: HEADER_BYTES_MAX,
    };
    return protocol === "https:"
      ? https.request({ ...options, agent: this.#https })
      : http.request({ ...options, agent: this.#http });
  }
}

/** A request under way: settles once, whichever of answer, error, timeout and abort comes first. */
class Attempt {
  readonly outcome: Promise<Answer>;
  readonly #exchange: Exchange;
  readonly #request: http.ClientRequest;
  #sent = false;
  #cut: ExchangeFailed | undefined;

  constructor(exchange: Exchange, request: http.ClientRequest) {
    this.#exchange = exchange;
    this.#request = request;
    this.outcome = new Promise((resolve, reject) => this.#run(resolve, reject));
  }

  #run(resolve: (answer: Answer) => void, reject: (failure: ExchangeFailed) => void): void {
    const { signal, timeoutMs, body, endpoint } = this.#exchange;
    const timeout = `${endpoint} did not answer within ${Math.round(timeoutMs)} ms`;
    const timer = setTimeout(() => this.#cutShort("timeout", timeout), timeoutMs);
    const abort = (): void => this.#cutShort("aborted", "aborted by the caller");
    signal?.addEventListener("abort", abort, { once: true });
    const settled = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const fail = (error: unknown): void => {
      settled();
      reject(this.#failure(error));
    };
    this.#request.on("socket", (socket) => {
      if (!socket.connecting) this.#sent = true;
      else socket.once("connect", () => (this.#sent = true));
    });
    this.#request.on("error", fail);
    this.#request.on("response", (response) => {
      readBody(response).then((bytes) => {
        settled();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes });
      }, fail);
    });
    this.#request.end(body);
  }

  #cutShort(reason: "timeout" | "aborted", message: string): void {
    this.#cut = new ExchangeFailed(reason, this.#sent, message);
    this.#request.destroy(this.#cut);
  }

  #failure(error: unknown): ExchangeFailed {
    if (this.#cut !== undefined) return this.#cut;
    if (error instanceof ExchangeFailed) return error;
    const { endpoint } = this.#exchange;
    const detail = messageOf(error);
    if (!this.#sent)
      return new ExchangeFailed("unreachable", false, `cannot connect to ${endpoint}: ${detail}`, error);
    const notHttp = codeOf(error)?.startsWith("HPE_") === true;
    const reason = notHttp ? "bad_answer" : "connection_lost";
    const what = notHttp ? "did not answer in HTTP" : "closed the connection before its answer was complete";
    return new ExchangeFailed(reason, true, `${endpoint} ${what}: ${detail}`, error);
  }
}

async function readBody(response: http.IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) {
      throw new ExchangeFailed("bad_answer", true, `the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** An AggregateError (a name with several addresses) has an empty message of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Several siblings of 16 MiB together, in base64, with room to spare. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const HEADER_BYTES_MAX = 256 * 1024;
