import { createHmac, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { MalformedBytes } from "../core/bytes/byte-reader.ts";
import type { Hello, LinkLane } from "../core/wire/hello.ts";
import * as exchange from "../core/wire/hello-exchange.ts";
import type { HandshakeRole, Refusal } from "../core/wire/hello-exchange.ts";
import type { ClusterSecret } from "./cluster-secret.ts";

/**
 * Runs the opening exchange (core/wire/hello-exchange.ts) on one socket.
 * Intuition: the listener proves itself first, so that a dialer books a peer's place only for somebody who knows the
 * secret; the listener then admits the dialer after its proof.
 * Invariant: `done` is called exactly once and synchronously with the last byte, with no listener left on the socket:
 * whoever takes it over attaches its own in the same turn, and loses nothing.
 */
export interface HandshakeOptions {
  readonly role: HandshakeRole;
  /** What a dialer opens; a listener answers for the lane that it is asked for. */
  readonly lane: LinkLane | undefined;
  readonly helloFor: (lane: LinkLane) => OwnHello;
  readonly secret: ClusterSecret;
  readonly timeoutMs: number;
  /** The peer has proven itself: is there a place for it? A refusal is told to it. */
  admit(theirs: Hello): Refusal | undefined;
  done(result: HandshakeResult): void;
}

export interface OwnHello {
  readonly hello: Hello;
  /** encodeHello(hello): the very bytes that are sent and proven. */
  readonly body: Uint8Array;
}

export type HandshakeResult =
  | { readonly ok: true; readonly theirs: Hello; /** First bytes of frames. */ readonly rest: Uint8Array }
  | {
      readonly ok: false;
      readonly code: exchange.RefusalCode | "garbage" | "timeout" | "closed";
      readonly reason: string;
      /** Who ended it. */
      readonly by: "us" | "them";
      /** What the peer claimed to be; not necessarily proven. */
      readonly theirs: Hello | undefined;
    };

/** How long a refused peer may take to read why. */
const LINGER_MS = 1_000;

export class PeerHandshake {
  readonly #socket: Socket;
  readonly #options: HandshakeOptions;
  readonly #reader = new exchange.HandshakeReader();
  readonly #timer: NodeJS.Timeout;
  #mine: OwnHello | undefined;
  #theirs: OwnHello | undefined;
  #theirProof = false;
  #finished = false;

  constructor(socket: Socket, options: HandshakeOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#timer = setTimeout(() => this.#timeout(), options.timeoutMs);
    socket.on("data", this.#onData);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    if (options.lane !== undefined) this.#sendHello(options.lane);
  }

  /** Ends it for a reason of this node's own, which the other side is told. */
  refuse(refusal: Refusal): void {
    if (this.#finished) return;
    this.#detach();
    lingeringClose(this.#socket, exchange.refusalMessage(refusal));
    this.#fail(refusal.code, refusal.reason, "us");
  }

  readonly #onData = (chunk: Uint8Array): void => {
    try {
      this.#reader.push(chunk);
      while (!this.#finished) {
        const message = this.#reader.next();
        if (message === undefined) return;
        this.#take(message);
      }
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      if (!(error instanceof exchange.NotAPeer)) {
        this.refuse({ code: "malformed", reason: error.message });
        return;
      }
      this.#detach();
      this.#socket.destroy();
      this.#fail("garbage", error.message, "us");
    }
  };

  readonly #onError = (error: Error): void => {
    this.#detach();
    this.#socket.destroy();
    this.#fail("closed", error.message, "them");
  };

  readonly #onClose = (): void => {
    this.#detach();
    this.#fail("closed", "the connection was closed during the handshake", "them");
  };

  #timeout(): void {
    this.#detach();
    this.#socket.destroy();
    this.#fail("timeout", `no handshake within ${this.#options.timeoutMs} ms`, "us");
  }

  #take(message: exchange.HandshakeMessage): void {
    switch (message.kind) {
      case "hello":
        return this.#takeHello(message.hello, message.body);
      case "proof":
        return this.#takeProof(message.keyId, message.mac);
      case "accept":
        if (this.#options.role !== "dialer" || !this.#theirProof)
          throw new MalformedBytes("accept out of turn");
        return this.#succeed();
      case "refusal":
        this.#detach();
        this.#socket.destroy();
        return this.#fail(message.refusal.code, message.refusal.reason, "them");
    }
  }

  #takeHello(hello: Hello, body: Uint8Array): void {
    if (this.#theirs !== undefined) throw new MalformedBytes("second hello");
    this.#theirs = { hello, body };
    const mine = this.#mine?.hello ?? this.#options.helloFor(hello.lane).hello;
    const refusal = exchange.mismatch(mine, hello);
    if (refusal !== undefined) return this.refuse(refusal);
    if (hello.lane !== mine.lane) throw new MalformedBytes("the listener answered for another lane");
    if (this.#mine !== undefined) return;
    this.#sendHello(hello.lane);
    this.#sendProof();
  }

  #sendHello(lane: LinkLane): void {
    this.#mine = this.#options.helloFor(lane);
    this.#socket.write(exchange.helloMessage(this.#mine.body));
  }

  #takeProof(keyId: number, mac: Uint8Array): void {
    if (this.#theirs === undefined || this.#theirProof) throw new MalformedBytes("proof out of turn");
    const { role, secret } = this.#options;
    const key = secret.verifying(keyId);
    const prover = role === "dialer" ? "listener" : "dialer";
    if (key === undefined || !timingSafeEqual(this.#proof(key.bytes, prover), mac)) {
      const detail = key === undefined ? `key ${keyId} is not known here` : `key ${keyId} holds other bytes`;
      return this.refuse({ code: "secret", reason: `cluster secret differs: ${detail}` });
    }
    this.#theirProof = true;
    const refusal = this.#options.admit(this.#theirs.hello);
    if (refusal !== undefined) return this.refuse(refusal);
    if (role === "dialer") return this.#sendProof();
    this.#socket.write(exchange.acceptMessage());
    this.#succeed();
  }

  #sendProof(): void {
    const key = this.#options.secret.current;
    this.#socket.write(exchange.proofMessage(key.id, this.#proof(key.bytes, this.#options.role)));
  }

  #proof(key: Uint8Array, prover: HandshakeRole): Uint8Array {
    const mine = this.#mine!.body;
    const theirs = this.#theirs!.body;
    const [dialer, listener] = this.#options.role === "dialer" ? [mine, theirs] : [theirs, mine];
    return createHmac("sha256", key)
      .update(exchange.proofInput(prover, dialer, listener))
      .digest();
  }

  #succeed(): void {
    if (this.#finished) return;
    this.#detach();
    this.#finished = true;
    this.#options.done({ ok: true, theirs: this.#theirs!.hello, rest: this.#reader.rest });
  }

  #fail(
    code: exchange.RefusalCode | "garbage" | "timeout" | "closed",
    reason: string,
    by: "us" | "them",
  ): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#options.done({ ok: false, code, reason, by, theirs: this.#theirs?.hello });
  }

  #detach(): void {
    clearTimeout(this.#timer);
    this.#socket.off("data", this.#onData);
    this.#socket.off("error", this.#onError);
    this.#socket.off("close", this.#onClose);
  }
}

/**
 * Sends last words and closes. What the other side still sends is read and dropped meanwhile: closing over unread bytes
 * would reset the connection and destroy the words on their way.
 */
export function lingeringClose(socket: Socket, lastWords: Uint8Array): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on("error", () => socket.destroy());
  socket.on("close", () => clearTimeout(timer));
  socket.resume();
  socket.end(lastWords);
}
