import http from "node:http";
import type { AddressInfo } from "node:net";

/** A real HTTP server on loopback that answers as the test says, and remembers what it was asked. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** "silence": never answers. "hang_up": reads the request, then closes the connection. */
export type Script = (request: SeenRequest, count: number) => ScriptedAnswer | "silence" | "hang_up";

export class ScriptedServer {
  readonly seen: SeenRequest[] = [];
  readonly #server: http.Server;
  #endpoint = "";

  private constructor(server: http.Server) {
    this.#server = server;
  }

  static async start(script: Script): Promise<ScriptedServer> {
    const server = http.createServer();
    const scripted = new ScriptedServer(server);
    server.on("request", (request, response) => void scripted.#serve(request, response, script));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    scripted.#endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return scripted;
  }

  /** Valid also after stop(): then an endpoint that refuses connections. */
  get endpoint(): string {
    return this.#endpoint;
  }

  /** After it the port refuses connections. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse, script: Script): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { method = "", url: target = "", headers } = request;
    const seen = { method, target, headers, body: Buffer.concat(chunks) };
    this.seen.push(seen);
    const answer = script(seen, this.seen.length);
    if (answer === "silence") return;
    if (answer === "hang_up") {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

export function errorAnswer(
  status: number,
  error: { code: string; maybeApplied?: boolean },
  headers: Readonly<Record<string, string>> = {},
): ScriptedAnswer {
  const body = JSON.stringify({ error: { message: `said ${error.code}`, requestId: "r-1", ...error } });
  return { status, headers: { "Content-Type": "application/json", ...headers }, body };
}

export const written: ScriptedAnswer = { status: 204, headers: { "X-Dynamo-Context": "after-write" } };

export function oneValue(text: string, context = "after-read"): ScriptedAnswer {
  return {
    status: 200,
    headers: {
      "X-Dynamo-Context": context,
      "X-Dynamo-Owners": "2/3",
      "X-Dynamo-Modified": "2026-01-02T03:04:05.678Z",
      "Content-Type": "application/json",
    },
    body: text,
  };
}

export function severalValues(...texts: string[]): ScriptedAnswer {
  const siblings = texts.map((text) => ({
    value: Buffer.from(text).toString("base64"),
    contentType: "application/json",
    modified: "2026-01-02T03:04:05.678Z",
  }));
  return {
    status: 300,
    headers: { "X-Dynamo-Context": "of-all", "X-Dynamo-Owners": "2/3", "Content-Type": "application/json" },
    body: JSON.stringify({ siblings }),
  };
}

export function noValue(context = ""): ScriptedAnswer {
  const headers = { "X-Dynamo-Owners": "3/3", ...(context === "" ? {} : { "X-Dynamo-Context": context }) };
  return errorAnswer(404, { code: "key_not_found" }, headers);
}
