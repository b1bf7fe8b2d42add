import { askToStore } from "../coordinator/replica-calls.ts";
import type { NodeId } from "../node-id.ts";
import type { PeerCalls } from "../peers/peer-calls.ts";
import type { HintStore, KeptHint } from "../ports/hint-store.ts";
import type { Observer } from "../ports/observer.ts";
import type { ReplicaStore, StorePoint } from "../ports/replica-store.ts";
import { isGivenUp } from "../ring/change/departed.ts";
import type { KeepersRing } from "../ring/keepers.ts";
import type { RingNumber } from "../ring/ring-number.ts";
import { type AnswerFate, fateOfAnswer, fateOfAnswers, HANDOFF, type HintFate } from "./handoff-pace.ts";
import { recipientsOf } from "./hint-recipients.ts";

/**
 * Gives one hint to whoever must have it, and then strikes its owner off.
 *
 * Invariant: an owner is struck off a hint only after each of its recipients (hint-recipients.ts) has
 * acknowledged exactly that record from stable storage. A ring that changed meanwhile names others: then it stays.
 */
export interface HintHandoverParts {
  readonly self: NodeId;
  readonly ring: KeepersRing;
  readonly store: HintStore;
  /** Keeps a record among this node's own: it may be a current owner of an orphan. Answers in bounded time. */
  readonly keepOwn: ReplicaStore["store"];
  readonly calls: PeerCalls;
  readonly isConnected: (peer: NodeId) => boolean;
  /** See CallParts in coordinator/replica-calls.ts. */
  readonly acknowledged?: (peer: NodeId, at: StorePoint) => void;
  readonly outdated?: (peer: NodeId, theirs: RingNumber) => void;
  readonly observer: Observer;
}

export interface HandedOver {
  readonly fate: HintFate;
  /** Who has yet to acknowledge it; nobody of a hint that waits for its own owner alone. */
  readonly waitsFor: readonly NodeId[];
}

export class HintHandover {
  readonly #parts: HintHandoverParts;

  constructor(parts: HintHandoverParts) {
    this.#parts = parts;
  }

  /** @param toSome what goes to all current owners goes to those that are connected, though others are away */
  async handOver(hint: KeptHint, owner: NodeId, toSome: boolean): Promise<HandedOver> {
    const { position, record } = hint;
    if (record === undefined) return { fate: await this.#dropMarker(hint, owner), waitsFor: [] };
    const { ring } = this.#parts;
    const recipients = recipientsOf(owner, position, ring);
    const isForOwner = recipients[0] === owner;
    if (isForOwner && this.#isAway(owner)) return { fate: "waiting", waitsFor: [] };
    const away = recipients.filter((recipient) => this.#isAway(recipient));
    // Its owner is read: it does not wait for whoever gains the partition.
    if (away.length > 0 && !toSome && !isForOwner) return { fate: "waiting", waitsFor: away };
    const asked = recipients.filter((recipient) => !away.includes(recipient));
    const fates = await Promise.all(asked.map((recipient) => this.#give(recipient, position, record)));
    const unserved = [...away, ...asked.filter((_, i) => fates[i] !== "delivered")];
    const waitsFor = unserved.filter((recipient) => recipient !== owner);
    const fate = isForOwner ? fates[0]! : fateOfAnswers(fates);
    // Of what its owner has, who gains the partition holds up this hint alone, and none behind it.
    if (fate === "delivered" && waitsFor.length > 0) return { fate: "waiting", waitsFor };
    if (fate !== "delivered") return { fate, waitsFor };
    const others = recipientsOf(owner, position, ring).filter((recipient) => !recipients.includes(recipient));
    if (others.length > 0) return { fate: "failed", waitsFor: others };
    return { fate: (await this.#isForgotten(hint, owner)) ? "delivered" : "not_forgotten", waitsFor };
  }

  async #give(recipient: NodeId, position: Uint8Array, record: Uint8Array): Promise<AnswerFate> {
    const { self, keepOwn, ring } = this.#parts;
    const current = ring.current();
    // Looked at in the turn in which it leaves: what it deletes may be forgotten by now.
    if (current === undefined || isGivenUp(current, self)) return "failed";
    if (recipient === self) return fateOfAnswer(await keepOwn({ position, record, keptFor: [] }));
    const terms = { timeoutMs: HANDOFF.acknowledgeTimeoutMs, lane: "bulk", planned: current } as const;
    const body = { position, record, keptFor: [], handedOver: true } as const;
    return fateOfAnswer(await askToStore(recipient, body, terms, this.#parts));
  }

  /** There is nothing that the owner could be given. Other owners may have it, and anti-entropy will tell. */
  async #dropMarker(hint: KeptHint, owner: NodeId): Promise<HintFate> {
    if (!(await this.#isForgotten(hint, owner))) return "not_forgotten";
    this.#parts.observer.event({ kind: "marker_dropped", ownerId: owner });
    return "record_lost";
  }

  async #isForgotten({ position, digest }: KeptHint, owner: NodeId): Promise<boolean> {
    return (await this.#parts.store.forgetHint({ position, digest, owner })).ok;
  }

  #isAway(recipient: NodeId): boolean {
    return recipient !== this.#parts.self && !this.#parts.isConnected(recipient);
  }
}
