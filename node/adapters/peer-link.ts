import type { Socket } from "node:net";
import { MalformedBytes } from "../core/bytes/byte-reader.ts";
import type { Lane } from "../core/ports/transport.ts";
import { FRAME, linkFrame } from "../core/wire/frame.ts";
import { FrameQueue } from "../core/wire/frame-queue.ts";
import { FrameReader, type FrameSink } from "../core/wire/frame-reader.ts";
import type { Hello } from "../core/wire/hello.ts";
import { lingeringClose } from "./peer-handshake.ts";
import type { PeerLimits } from "./peer-limits.ts";

/**
 * One open connection to a peer: a queue of messages in front of a socket, a frame reader behind it.
 * Intuition: the socket is fed a little at a time (socketBytesMax), because what it holds can no longer be overtaken by
 * control traffic and is memory that no window counts.
 * Invariant: after `closed` was told, nothing is delivered any more.
 */
export interface PeerLinkOptions {
  readonly socket: Socket;
  /** Proven. */
  readonly peer: Hello;
  readonly dialled: boolean;
  readonly limits: PeerLimits;
  message(lane: Lane, bytes: Uint8Array): void;
  pong(roundTripMs: number): void;
  /** The peer joined the cluster of that id. */
  cluster(link: PeerLink, clusterId: string): void;
  /** Once. */
  closed(link: PeerLink, reason: string): void;
}

/** Liveness is judged in ticks of this part of the ping interval. */
export const TICKS_PER_PING = 4;

export class PeerLink implements FrameSink {
  readonly peer: Hello;
  readonly dialled: boolean;
  /** Set while the transport has it on its list of links to flush. */
  dirty = false;
  readonly #options: PeerLinkOptions;
  readonly #socket: Socket;
  readonly #queue: FrameQueue;
  readonly #reader: FrameReader;
  readonly #silentTicksMax: number;
  #open = true;
  #bytesReceived = 0;
  #bytesAtTick = 0;
  #silentTicks = 0;
  #ticks = 0;
  #pingSentMs: number | undefined;
  #challenge: { ticksLeft: number; readonly alive: () => void } | undefined;

  constructor(options: PeerLinkOptions) {
    const { socket, peer, limits } = options;
    this.#options = options;
    this.#socket = socket;
    this.peer = peer;
    this.dialled = options.dialled;
    const messageBytesMax = Math.min(limits.messageBytesMax, peer.messageBytesMax);
    this.#queue = new FrameQueue({ ...limits, messageBytesMax }, Buffer.allocUnsafe);
    this.#reader = new FrameReader(this, limits.messageBytesMax);
    this.#silentTicksMax = Math.ceil((limits.silenceMs * TICKS_PER_PING) / limits.pingIntervalMs);
    socket.on("data", (chunk) => this.receive(chunk));
    socket.on("drain", () => this.flush());
    socket.on("error", (error) => this.#end(error.message));
    socket.on("close", () => this.#end("the connection was closed"));
  }

  get queuedBytes(): number {
    return this.#queue.queuedBytes;
  }

  get remote(): string {
    return `${this.#socket.remoteAddress ?? "?"}:${this.#socket.remotePort ?? 0}`;
  }

  /** Queues without writing; the transport calls flush() once for all messages of a turn of the event loop. */
  offer(message: Uint8Array, lane: Lane): boolean {
    return this.#open && this.#queue.offer(message, lane);
  }

  flush(): void {
    const socket = this.#socket;
    while (this.#open && socket.writableLength < this.#options.limits.socketBytesMax) {
      const pieces = this.#queue.take();
      if (pieces.length === 0) return;
      if (pieces.length === 1) {
        socket.write(pieces[0]!);
        continue;
      }
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
  }

  receive(chunk: Uint8Array): void {
    this.#bytesReceived += chunk.length;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      this.close(`bytes that break the protocol: ${error.message}`);
    }
  }

  /**
   * Called TICKS_PER_PING times a ping interval. Silence is counted in ticks, not read off a clock: a process that was
   * itself stopped for a while wakes to one tick, and reads what its peers sent meanwhile before the next.
   */
  tick(): void {
    if (!this.#open) return;
    const heard = this.#bytesReceived !== this.#bytesAtTick;
    this.#bytesAtTick = this.#bytesReceived;
    this.#silentTicks = heard ? 0 : this.#silentTicks + 1;
    if (this.#challenge !== undefined) this.#judgeChallenge(heard, this.#challenge);
    if (this.#silentTicks >= this.#silentTicksMax) {
      this.close(`no byte from the peer for ${this.#options.limits.silenceMs} ms`);
    } else if (this.#ticks++ % TICKS_PER_PING === 0) {
      this.#ping();
    }
  }

  /** Somebody claims this peer's place: `alive` is called if it shows life within two ping intervals, else it is closed. */
  challenge(alive: () => void): void {
    this.#challenge ??= { ticksLeft: 2 * TICKS_PER_PING, alive };
    this.#bytesAtTick = this.#bytesReceived;
    this.#ping();
  }

  tellCluster(clusterId: string): void {
    this.#queue.offerLinkFrame(linkFrame(FRAME.cluster, new TextEncoder().encode(clusterId)));
    this.flush();
  }

  /** Tells the peer why, drops what is queued, closes. */
  close(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#reader.stop();
    lingeringClose(this.#socket, linkFrame(FRAME.closing, new TextEncoder().encode(reason.slice(0, 512))));
    this.#options.closed(this, reason);
  }

  message(lane: Lane, bytes: Uint8Array): void {
    this.#options.message(lane, bytes);
  }

  ping(token: Uint8Array): void {
    this.#queue.offerLinkFrame(linkFrame(FRAME.pong, token));
    this.flush();
  }

  pong(): void {
    if (this.#pingSentMs === undefined) return;
    this.#options.pong(performance.now() - this.#pingSentMs);
    this.#pingSentMs = undefined;
  }

  closing(reason: string): void {
    this.#end(`the peer closed: ${reason}`);
  }

  cluster(clusterId: string): void {
    this.#options.cluster(this, clusterId);
  }

  /** One ping at a time: while one is unanswered the next only keeps the other side from hearing nothing. */
  #ping(): void {
    this.#pingSentMs ??= performance.now();
    this.#queue.offerLinkFrame(linkFrame(FRAME.ping, Uint8Array.of(1)));
    this.flush();
  }

  #judgeChallenge(heard: boolean, challenge: { ticksLeft: number; alive: () => void }): void {
    if (heard) {
      this.#challenge = undefined;
      challenge.alive();
    } else if (--challenge.ticksLeft === 0) {
      this.close("another process claims this peer's place, and this connection is silent");
    }
  }

  #end(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#reader.stop();
    this.#socket.destroy();
    this.#options.closed(this, reason);
  }
}
