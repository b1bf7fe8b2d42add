import { connect, type Socket } from "node:net";
import { AnswerParser, type SeenAnswer } from "./answer-parser.ts";

/**
 * Sends requests over keep-alive connections, one unanswered request a connection, and gives each up at its deadline
 * by closing its connection, as HTTP clients do. A connection is opened whenever none is idle, up to a limit; beyond
 * it requests wait here, and their time goes on counting.
 */
export type SendOutcome =
  | { readonly kind: "answered"; readonly answer: SeenAnswer }
  | { readonly kind: "timed_out" }
  | { readonly kind: "connection_failed" };

export interface LoadRequest {
  readonly node: number;
  /** Head and body, as text of bytes. */
  readonly text: string;
  /** On performance.now(). Requests are sent in the order of their deadlines. */
  readonly deadlineMs: number;
  readonly done: (outcome: SendOutcome) => void;
}

export interface SenderLimits {
  /** Open connections to each node. */
  readonly connectionsMax: number;
}

export class LoadSender {
  readonly #pools: readonly NodePool[];
  /** By deadline; what is done stays until the sweep passes it. */
  #underWay: Sent[] = [];
  #firstUnderWay = 0;

  constructor(baseUrls: readonly string[], limits: SenderLimits) {
    this.#pools = baseUrls.map((url) => new NodePool(new URL(url), limits));
  }

  send(request: LoadRequest): void {
    const sent: Sent = { request, connection: undefined, settled: false };
    this.#underWay.push(sent);
    this.#pools[request.node]!.send(sent);
  }

  /** Gives up what has passed its deadline. Call it every few milliseconds. */
  sweep(nowMs: number): void {
    for (; this.#firstUnderWay < this.#underWay.length; this.#firstUnderWay++) {
      const sent = this.#underWay[this.#firstUnderWay]!;
      if (!sent.settled && sent.request.deadlineMs > nowMs) break;
      if (!sent.settled) giveUp(sent);
    }
    if (this.#firstUnderWay < 4_096) return;
    this.#underWay = this.#underWay.slice(this.#firstUnderWay);
    this.#firstUnderWay = 0;
  }

  get connections(): number {
    return this.#pools.reduce((sum, pool) => sum + pool.open, 0);
  }

  close(): void {
    for (const pool of this.#pools) pool.close();
  }
}

interface Sent {
  readonly request: LoadRequest;
  connection: Connection | undefined;
  settled: boolean;
}

function settle(sent: Sent, outcome: SendOutcome): void {
  if (sent.settled) return;
  sent.settled = true;
  sent.request.done(outcome);
}

function giveUp(sent: Sent): void {
  settle(sent, { kind: "timed_out" });
  sent.connection?.drop();
}

class NodePool {
  readonly #url: URL;
  readonly #limits: SenderLimits;
  readonly #connections = new Set<Connection>();
  readonly #idle: Connection[] = [];
  #waiting: Sent[] = [];

  constructor(url: URL, limits: SenderLimits) {
    this.#url = url;
    this.#limits = limits;
  }

  get open(): number {
    return this.#connections.size;
  }

  send(sent: Sent): void {
    const connection = this.#idle.pop() ?? this.#opened();
    if (connection === undefined) this.#waiting.push(sent);
    else connection.send(sent);
  }

  close(): void {
    this.#waiting = [];
    for (const connection of this.#connections) connection.drop();
  }

  #opened(): Connection | undefined {
    if (this.#connections.size >= this.#limits.connectionsMax) return undefined;
    const connection: Connection = new Connection(this.#url, {
      idle: () => this.#idled(connection),
      gone: () => this.#gone(connection),
    });
    this.#connections.add(connection);
    return connection;
  }

  #idled(connection: Connection): void {
    const next = this.#nextWaiting();
    if (next === undefined) this.#idle.push(connection);
    else connection.send(next);
  }

  #gone(connection: Connection): void {
    this.#connections.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    const next = this.#nextWaiting();
    if (next !== undefined) this.send(next);
  }

  #nextWaiting(): Sent | undefined {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!next.settled) return next;
    }
    return undefined;
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #told: { idle: () => void; gone: () => void };
  #sent: Sent | undefined;
  #gone = false;

  constructor({ hostname, port }: URL, told: { idle: () => void; gone: () => void }) {
    this.#told = told;
    const parser = new AnswerParser((answer) => this.#answered(answer));
    // One buffer for all reads: nothing of an answer is kept beyond the call.
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    const onread = {
      buffer,
      callback: (length: number): boolean => {
        parser.push(buffer.subarray(0, length));
        return true;
      },
    };
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true, onread });
    this.#socket.on("error", () => this.drop());
    this.#socket.on("close", () => this.drop());
  }

  send(sent: Sent): void {
    this.#sent = sent;
    sent.connection = this;
    this.#socket.write(sent.request.text, "latin1");
  }

  drop(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#socket.destroy();
    if (this.#sent !== undefined) settle(this.#sent, { kind: "connection_failed" });
    this.#told.gone();
  }

  #answered(answer: SeenAnswer): void {
    const sent = this.#sent;
    if (sent === undefined) throw new Error("a node sent an answer that nobody asked for");
    this.#sent = undefined;
    sent.connection = undefined;
    settle(sent, { kind: "answered", answer });
    if (answer.closes) this.drop();
    else this.#told.idle();
  }
}

const READ_BYTES = 4_096;
