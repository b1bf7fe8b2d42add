import { MalformedBytes } from "../bytes/byte-reader.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { Observer } from "../ports/observer.ts";
import type { Timers } from "../ports/timers.ts";
import { decodeSealReply, encodeSealRequest, type SealReply, type SealRequest } from "./seal-messages.ts";
import type { SealServer } from "./seal-server.ts";

/** Requests of a seal round to members, this node among them, on the bulk lane. All of them may be repeated. */
export interface SealCallsParts {
  readonly self: NodeId;
  readonly calls: PeerCalls;
  readonly server: SealServer;
  readonly timers: Timers;
  readonly observer: Observer;
}

const ANSWER_TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 3;
const AGAIN_MS = 500;

export class SealCalls {
  readonly #parts: SealCallsParts;

  constructor(parts: SealCallsParts) {
    this.#parts = parts;
  }

  /** Undefined where the member was silent. Takes half a minute at most. */
  async ask(member: NodeId, request: SealRequest): Promise<SealReply | undefined> {
    let reply: SealReply | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      if (attempt > 1) await this.#pause(AGAIN_MS);
      reply = await this.#askOnce(member, request);
      if (reply !== undefined && reply.status !== "declined") return reply;
    }
    return reply;
  }

  async #askOnce(member: NodeId, request: SealRequest): Promise<SealReply | undefined> {
    const { self, server, calls, observer } = this.#parts;
    if (member === self) return server.reply(request);
    const message = { kind: "seal", body: encodeSealRequest(request) } as const;
    const answer = await calls.call(member, message, { timeoutMs: ANSWER_TIMEOUT_MS, lane: "bulk" });
    if (answer.status !== "answered") return undefined;
    try {
      return decodeSealReply(answer.body);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      observer.event({ kind: "peer_message_refused", peerId: member, reason: error.message });
      return undefined;
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#parts.timers.after(delayMs, resolve));
  }
}
