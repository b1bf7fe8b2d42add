import type { NodeId } from "../node-id.ts";
import type { Observer } from "../ports/observer.ts";
import type { SealStore } from "../ports/seal-store.ts";
import type { Timers } from "../ports/timers.ts";
import type { RingState } from "../ring/ring-state.ts";
import type { NodeSettings } from "../settings.ts";
import { answeredWithin, NO_ANSWER } from "../stored-within.ts";
import { decodeSealRequest, encodeSealReply, type SealReply, type SealRequest } from "./seal-messages.ts";
import { sealPauseMs } from "./seal-round.ts";

/**
 * The side of a seal round that is asked, a node's own questions to itself included. It keeps nothing between the passes but
 * the writer's watch over the rows, and works on few requests at once: more are declined.
 */
export interface SealServerParts {
  readonly self: NodeId;
  readonly ring: RingState;
  readonly store: Pick<SealStore, "askSealed">;
  /** Forgets in the store, past any cache. */
  readonly seal: SealStore["seal"];
  readonly isRecovering: () => boolean;
  readonly steadyMs: () => number;
  readonly settings: Pick<NodeSettings, "requestTimeoutMsMax" | "sealPauseMs">;
  readonly timers: Timers;
  readonly observer: Observer;
}

/** Requests worked on at once. */
const SERVED_MAX = 4;

export class SealServer {
  readonly #parts: SealServerParts;
  #served = 0;

  constructor(parts: SealServerParts) {
    this.#parts = parts;
  }

  /** Answers a message of kind "seal". Throws MalformedBytes. */
  async answer(from: NodeId, body: Uint8Array): Promise<Uint8Array> {
    const request = decodeSealRequest(body);
    const { self, ring } = this.#parts;
    const isMember = ring.current()?.members.some(({ id }) => id === from) ?? false;
    if (isMember) return encodeSealReply(await this.reply(request));
    const message = `node ${from} is no member of the ring of node ${self}`;
    return encodeSealReply({ status: "declined", message });
  }

  async reply(request: SealRequest): Promise<SealReply> {
    if (this.#served >= SERVED_MAX)
      return { status: "declined", message: `node ${this.#parts.self} works on ${SERVED_MAX} of them` };
    this.#served += 1;
    try {
      return await (request.kind === "ask" ? this.#ask(request) : this.#seal(request));
    } finally {
      this.#served -= 1;
    }
  }

  async #ask({ rows, since }: Extract<SealRequest, { kind: "ask" }>): Promise<SealReply> {
    const { store, ring, settings, timers } = this.#parts;
    const answered = await answeredWithin(store.askSealed({ rows, since }), timers, noAnswer);
    if (answered.status === "failed") return { status: "declined", message: answered.message };
    const answer = {
      ring: ring.hash(),
      // Also what came to light while the store was asked.
      isRecovering: this.#parts.isRecovering(),
      steadyMs: this.#parts.steadyMs(),
      pauseMs: sealPauseMs(settings),
      covered: answered.covered,
    };
    return { status: "answered", answer, mark: answered.mark };
  }

  async #seal({ rows }: SealRequest): Promise<SealReply> {
    const sealing = await answeredWithin(this.#parts.seal(rows), this.#parts.timers, noAnswer);
    if (sealing.status === "failed") return { status: "declined", message: sealing.message };
    const { dropped, pruned } = sealing;
    this.#parts.observer.event({ kind: "rows_sealed", dropped, pruned });
    return { status: "sealed", dropped, pruned };
  }
}

const noAnswer = { status: "failed", message: NO_ANSWER } as const;
