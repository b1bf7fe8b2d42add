import { request as httpsRequest, type RequestOptions } from "node:https";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { KubeConfig } from "@kubernetes/client-node";

/**
 * Requests to the API server: credentials, TLS and proxies are the library's, the rest is plain JSON over connections
 * that are kept. The library's own API classes open a TLS connection for each request, wait for ever, and turn
 * timestamps into objects that a server-side apply would send back changed; here every request has a deadline, and an
 * object is what the API server sent.
 */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query, e.g. "/api/v1/pods?limit=500". */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly timeoutMs?: number;
}

export const REQUEST_TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** What the API server refused, or that it could not be reached (status 0). */
export class ApiError extends Error {
  readonly status: number;
  /** Kubernetes' word for it: "NotFound", "Conflict", "Invalid", …; "Unreachable" for status 0. */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    details: { status: number; reason: string; retryAfterMs?: number | undefined; cause?: unknown },
  ) {
    super(message, { cause: details.cause });
    this.name = "ApiError";
    this.status = details.status;
    this.reason = details.reason;
    this.retryAfterMs = details.retryAfterMs;
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409;
}

export class ApiConnection {
  readonly #config: KubeConfig;
  /** Requests that were sent since the process started, by method; for the metrics. */
  readonly sent = new Map<string, number>();

  constructor(config: KubeConfig) {
    this.#config = config;
    keepAgents(config);
  }

  /** Resolves with the parsed answer. Rejects with ApiError. */
  async json<T>(asked: ApiRequest): Promise<T> {
    const answer = await this.open({ ...asked, timeoutMs: asked.timeoutMs ?? REQUEST_TIMEOUT_MS });
    return JSON.parse(await textOf(answer)) as T;
  }

  /** Resolves when the answer's head is there, for a caller that reads a stream. Rejects with ApiError. */
  async open({
    method,
    path,
    body,
    contentType = "application/json",
    timeoutMs,
  }: ApiRequest): Promise<IncomingMessage> {
    this.sent.set(method, (this.sent.get(method) ?? 0) + 1);
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined) {
      throw new ApiError(
        "no API server is configured: give a kubeconfig or run inside a cluster",
        unreachable(),
      );
    }
    const url = new URL(server.replace(/\/$/, "") + path);
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      ...options.headers,
      accept: "application/json",
      "user-agent": "dynamokv-operator",
      ...(payload === undefined ? {} : { "content-type": contentType, "content-length": payload.length }),
    };
    const answer = await exchange(url, { ...options, method, headers }, payload, timeoutMs);
    const status = answer.statusCode ?? 0;
    if (status < 300) return answer;
    throw errorOf(status, await textOf(answer), { method, path, retryAfter: answer.headers["retry-after"] });
  }
}

function exchange(
  url: URL,
  options: RequestOptions,
  payload: Buffer | undefined,
  timeoutMs: number | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const what = `${options.method} ${url.pathname}`;
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const outgoing = send(url, options, (answer) => {
      if (timeoutMs !== undefined) answer.once("close", () => clearTimeout(timer));
      else clearTimeout(timer);
      resolve(answer);
    });
    // A stream may go on for ever, but its head may not keep us waiting.
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no answer within ${timeoutMs ?? REQUEST_TIMEOUT_MS} ms`)),
      timeoutMs ?? REQUEST_TIMEOUT_MS,
    );
    outgoing.once("error", (cause) => {
      clearTimeout(timer);
      reject(
        new ApiError(`${what}: the API server cannot be reached: ${cause.message}`, {
          ...unreachable(),
          cause,
        }),
      );
    });
    outgoing.end(payload);
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) throw new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ApiError(`the API server's answer was cut: ${why}`, { ...unreachable(), cause });
  }
  return Buffer.concat(chunks).toString("utf8");
}

function errorOf(
  status: number,
  text: string,
  { method, path, retryAfter }: { method: string; path: string; retryAfter: string | undefined },
): ApiError {
  let reason = "Unknown";
  let message = text.slice(0, 1_000);
  try {
    const parsed = JSON.parse(text) as { reason?: unknown; message?: unknown };
    if (typeof parsed.reason === "string" && parsed.reason !== "") reason = parsed.reason;
    if (typeof parsed.message === "string") message = parsed.message;
  } catch {
    // A proxy's page, for example: its text says what it is.
  }
  const seconds = Number(retryAfter);
  const retryAfterMs = retryAfter === undefined || Number.isNaN(seconds) ? undefined : seconds * 1_000;
  return new ApiError(`${method} ${path}: ${status} ${message}`, { status, reason, retryAfterMs });
}

function unreachable() {
  return { status: 0, reason: "Unreachable" } as const;
}

/** The library makes an agent, and with it a TLS connection, for each request: one a set of credentials is enough. */
function keepAgents(config: KubeConfig): void {
  type CreateAgent = (cluster: unknown, options: Record<string, unknown>) => unknown;
  const inner = config as unknown as { createAgent: CreateAgent };
  const create = inner.createAgent.bind(config);
  const agents = new Map<string, unknown>();
  inner.createAgent = (cluster, options) => {
    const credentials = JSON.stringify(
      [options["ca"], options["cert"], options["key"], options["servername"]].map(String),
    );
    let agent = agents.get(credentials);
    if (agent === undefined) {
      // Rotated credentials come with a new agent; the one before is not needed any more.
      agents.clear();
      agent = create(cluster, { ...options, keepAlive: true, maxSockets: 16 });
      agents.set(credentials, agent);
    }
    return agent;
  };
}

/** Inside a pod its service account, else the file that KUBECONFIG names or the one in the home directory. */
export function loadKubeConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}
