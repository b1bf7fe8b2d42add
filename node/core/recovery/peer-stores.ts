import type { NodeId } from "../node-id.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { Timers } from "../ports/timers.ts";
import type { Acknowledgements } from "./acknowledgements.ts";
import { storePoint } from "./acknowledgements-codec.ts";

/**
 * Which peers may be believed: after each connect a peer is told what this node remembers of its acknowledgements, and
 * says whether it is recovering. Until it has answered, and while it is recovering, its reads are no votes here: a
 * node that forgot everything may be asked before anybody has told it.
 *
 * A peer that does not answer is asked again, one that is recovering now and then; both as long as it is connected.
 */
export interface PeerStoresParts {
  readonly calls: ControlCalls;
  readonly timers: Timers;
  readonly acknowledgements: () => Acknowledgements;
  readonly isConnected: (peer: NodeId) => boolean;
}

export const SEEN = "recovery.seen";
const ANSWER_TIMEOUT_MS = 500;
const AGAIN_MS = 250;
const RECOVERING_AGAIN_MS = 1_000;

type Standing = "unasked" | "recovering" | "whole";

export class PeerStores {
  readonly #parts: PeerStoresParts;
  readonly #standings = new Map<NodeId, Standing>();
  /** By peer: the connection that it is asked on. A later one makes the earlier question pointless. */
  readonly #connections = new Map<NodeId, symbol>();

  constructor(parts: PeerStoresParts) {
    this.#parts = parts;
  }

  /** Whether what it answers to reads is a vote. */
  isVoter(peer: NodeId): boolean {
    return (this.#standings.get(peer) ?? "whole") === "whole";
  }

  connected(peer: NodeId): void {
    // Of whom nothing is remembered, nothing can be missing.
    const isKnown = this.#parts.acknowledgements().pointsOf(peer).length > 0;
    this.#standings.set(peer, isKnown ? "unasked" : "whole");
    const connection = Symbol(peer);
    this.#connections.set(peer, connection);
    void this.#ask(peer, connection);
  }

  async #ask(peer: NodeId, connection: symbol): Promise<void> {
    const told = this.#parts.acknowledgements().pointsOf(peer);
    const message = { type: SEEN, points: told };
    const answer = await this.#parts.calls.call(peer, message, ANSWER_TIMEOUT_MS);
    if (this.#connections.get(peer) !== connection) return;
    if (answer === undefined) return this.#askAgain(peer, connection, AGAIN_MS);
    const { recovering, now } = readAnswer(answer);
    this.#standings.set(peer, recovering ? "recovering" : "whole");
    if (recovering) return this.#askAgain(peer, connection, RECOVERING_AGAIN_MS);
    if (now !== undefined) this.#parts.acknowledgements().answered(peer, told, now);
  }

  #askAgain(peer: NodeId, connection: symbol, delayMs: number): void {
    this.#parts.timers.after(delayMs, () => {
      if (this.#connections.get(peer) !== connection || !this.#parts.isConnected(peer)) return;
      void this.#ask(peer, connection);
    });
  }
}

/** One that does not understand the question knows of no loss. */
function readAnswer({ recovering, now }: ControlMessage) {
  return { recovering: recovering === true, now: storePoint(now) };
}
