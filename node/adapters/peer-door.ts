import { connect, isIP, type Server, type Socket } from "node:net";
import type { NodeId } from "../core/node-id.ts";
import type { Hello, LinkLane } from "../core/wire/hello.ts";
import type { Refusal } from "../core/wire/hello-exchange.ts";
import type { ClusterSecret } from "./cluster-secret.ts";
import { formatPeerAddress, isWildcard, type PeerAddress } from "./peer-address.ts";
import type { DialOutcome } from "./peer-dialer.ts";
import { PeerHandshake, type HandshakeResult, type OwnHello } from "./peer-handshake.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { PeerLog } from "./peer-log.ts";

/**
 * Every connection comes through here, in or out, and stays a stranger until its handshake is done.
 * Invariant: strangers are bounded in number (handshakesMax) and time (handshakeMs); each that is turned away is counted.
 */
export interface PeerDoorOptions {
  readonly self: NodeId;
  readonly server: Server;
  readonly limits: PeerLimits;
  readonly log: PeerLog;
  readonly secret: ClusterSecret;
  helloFor(lane: LinkLane): OwnHello;
  /** As HandshakeOptions.admit. */
  admit(theirs: Hello, socket: Socket, dialled: boolean): Refusal | undefined;
  /** The handshake ended: the place that `admit` may have booked is free again. */
  release(theirs: Hello, socket: Socket): void;
  /** A peer has come in; called before the outcome of a dial is told. `rest` are the first bytes of its frames. */
  takeIn(socket: Socket, theirs: Hello, dialled: boolean, rest: Uint8Array): void;
}

/** Expected now and then between healthy peers: nobody needs to read of it. */
const QUIET: ReadonlySet<string> = new Set(["already_connected", "self", "no_session"]);

export class PeerDoor {
  /** Where the listener is bound; the port is known even where 0 was asked for. */
  readonly listening: PeerAddress;
  readonly #options: PeerDoorOptions;
  readonly #sockets = new Set<Socket>();
  readonly #failures = new Map<string, number>();
  /** Inbound, the oldest first. */
  readonly #strangers = new Set<PeerHandshake>();
  #closed = false;

  /** `server` is listening. */
  constructor(options: PeerDoorOptions) {
    this.#options = options;
    const bound = options.server.address() as { address: string; port: number };
    this.listening = { host: bound.address, port: bound.port };
    options.server.on("connection", (socket) => this.#onInbound(socket));
    options.server.on("error", (error) => {
      options.log.say("peer_listener_failed", { error: error.message }, "error");
    });
  }

  /** Handshakes that failed, by code. */
  get failures(): ReadonlyMap<string, number> {
    return this.#failures;
  }

  dial(address: PeerAddress, lane: LinkLane, done: (outcome: DialOutcome) => void): void {
    const from = this.#localHostFor(address);
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      autoSelectFamily: false,
      ...(from === undefined ? {} : { localAddress: from, family: isIP(from) }),
    });
    this.#shake(socket, lane, (result) => {
      if (!result.ok) this.#noteFailure(result, formatPeerAddress(address));
      done(outcomeOf(result));
    });
  }

  /** Connections that were not ended yet are cut. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets) if (!socket.writableEnded) socket.destroy();
  }

  /** Packet filters on loopback addresses, and people who read `ss`, know a node by the host that it listens on. */
  #localHostFor(address: PeerAddress): string | undefined {
    const { host } = this.listening;
    if (isWildcard(host)) return undefined;
    const family = isIP(address.host);
    return family === 0 || family === isIP(host) ? host : undefined;
  }

  #onInbound(socket: Socket): void {
    const { handshakesMax, connectionsMax } = this.#options.limits;
    if (this.#closed || this.#sockets.size >= connectionsMax) {
      socket.on("error", () => {});
      socket.destroy();
      this.#noteBusy(`${connectionsMax} connections are open`);
      return;
    }
    // A peer is done in milliseconds: the oldest stranger is the likeliest to be none.
    const [oldest] = this.#strangers;
    if (oldest !== undefined && this.#strangers.size >= handshakesMax) {
      oldest.refuse({ code: "busy", reason: "too many connections wait for their handshake" });
    }
    const remote = socket.remoteAddress ?? "?";
    const stranger = this.#shake(socket, undefined, (result) => {
      this.#strangers.delete(stranger);
      if (!result.ok) this.#noteFailure(result, remote);
    });
    this.#strangers.add(stranger);
  }

  /** `done` never comes before this has returned. */
  #shake(socket: Socket, lane: LinkLane | undefined, done: (result: HandshakeResult) => void): PeerHandshake {
    const { helloFor, secret, limits, admit, release, takeIn } = this.#options;
    const dialled = lane !== undefined;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    return new PeerHandshake(socket, {
      role: dialled ? "dialer" : "listener",
      lane,
      helloFor,
      secret,
      timeoutMs: limits.handshakeMs,
      admit: (theirs) => admit(theirs, socket, dialled),
      done: (result) => {
        if (result.theirs !== undefined) release(result.theirs, socket);
        if (result.ok && !this.#closed) takeIn(socket, result.theirs, dialled, result.rest);
        done(result);
      },
    });
  }

  #noteBusy(reason: string): void {
    this.#count("busy");
    this.#options.log.sayRarely("peer_refused", "busy", { code: "busy", reason }, "warn");
  }

  #count(code: string): void {
    this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
  }

  #noteFailure(result: HandshakeResult & { ok: false }, remote: string): void {
    if (this.#closed) return;
    const { code, reason, by, theirs } = result;
    this.#count(code);
    const event = code === "closed" || code === "timeout" ? "peer_unreachable" : "peer_refused";
    const fields = {
      remote,
      code,
      reason,
      endedBy: by === "us" ? "this node" : "the other side",
      peerId: theirs?.nodeId,
    };
    // This process itself is one of two; where it is a third one, the registry finds out before it cries.
    const alarm = code === "duplicate_identity" && (by === "them" || theirs?.nodeId === this.#options.self);
    this.#options.log.sayRarely(
      event,
      `${remote} ${code}`,
      fields,
      QUIET.has(code) ? "debug" : alarm ? "error" : "warn",
    );
  }
}

function outcomeOf(result: HandshakeResult): DialOutcome {
  if (result.ok) return { kind: "connected", peer: result.theirs.nodeId };
  switch (result.code) {
    case "self":
      return { kind: "self" };
    case "already_connected":
      return result.theirs === undefined
        ? { kind: "failed" }
        : { kind: "already_connected", peer: result.theirs.nodeId };
    case "closed":
    case "timeout":
    case "busy":
    case "no_session":
      return { kind: "failed" };
    case "malformed":
    case "garbage":
    case "protocol":
    case "cluster":
    case "secret":
    case "auth_method":
    case "duplicate_identity":
    case "other":
      return { kind: "refused" };
  }
}
