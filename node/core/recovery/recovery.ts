import type { NodeId } from "../node-id.ts";
import type { AcknowledgementStore } from "../ports/acknowledgement-store.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { StorePoint } from "../ports/replica-store.ts";
import { decodeAcknowledgements, encodeAcknowledgements, storePoints } from "./acknowledgements-codec.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { OwnRecovery, type OwnRecoveryParts } from "./own-recovery.ts";
import { PeerStores, SEEN } from "./peer-stores.ts";

/**
 * Amnesia: a node whose disk was lost, restored from an old copy or rolled back does not know what it acknowledged, and
 * its "not found" could outvote those who do. Each node remembers what the others acknowledged to it, keeps that in a
 * file apart from its data, and tells it to them when they connect. It remembers itself there too, which recognises
 * a lost database before anybody is asked.
 *
 * What a crash may take: the last second of the file. That weakens the memory and makes nothing up.
 */
export interface RecoveryParts extends OwnRecoveryParts {
  readonly acknowledgements: AcknowledgementStore;
  readonly calls: ControlCalls;
  readonly isConnected: (peer: NodeId) => boolean;
}

const SAVE_INTERVAL_MS = 1_000;

export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #own: OwnRecovery;
  readonly #peers: PeerStores;
  #memory = new Acknowledgements();
  #saved = 0;
  #saving: Promise<void> = Promise.resolve();

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
    this.#own = new OwnRecovery(parts);
    this.#peers = new PeerStores({ ...parts, acknowledgements: () => this.#memory });
  }

  /** From now on until the process ends. The ring is loaded, no peer is connected yet. */
  start(): void {
    const bytes = this.#parts.acknowledgements.load();
    const remembered = bytes === undefined ? undefined : decodeAcknowledgements(bytes);
    if (bytes !== undefined && remembered === undefined)
      this.#parts.observer.event({ kind: "acknowledgements_unreadable" });
    this.#memory = remembered ?? this.#memory;
    const ofSelf = this.#memory.pointsOf(this.#parts.self);
    this.#own.start(ofSelf);
    this.#settleOwn(ofSelf);
    // At once: a node that is killed within its first second, again and again, must not forget which store it had.
    this.#save();
    this.#saveLater();
  }

  /** Saves what it remembers once more. Never rejects. */
  stop(): Promise<void> {
    this.#save();
    return this.#saving;
  }

  /** The peer has this on stable storage: it must never come back with less. */
  acknowledged(peer: NodeId, at: StorePoint): void {
    this.#memory.acknowledged(peer, at);
  }

  peerConnected(peer: NodeId): void {
    this.#peers.connected(peer);
  }

  /** Answers a message whose type starts with "recovery.". */
  handleControl(message: ControlMessage): ControlMessage {
    if (message.type !== SEEN) return { type: "recovery.unknown" };
    this.#own.told(storePoints(message["points"]));
    // Who is told "whole" forgets what it knows: not before it is written down here.
    const recovering = this.isRecovering || !this.#own.isKept;
    return { type: SEEN, recovering, now: this.#parts.store.point() };
  }

  /** This node holds all that the peer held in these partitions. */
  compared(peer: NodeId, partitions: readonly number[]): void {
    this.#own.compared(peer, partitions);
  }

  ringChanged(): void {
    this.#own.ringChanged();
  }

  /** True for this node while it has not got back what it lost. */
  get isRecovering(): boolean {
    return this.#own.isRecovering;
  }

  /** See RingKeeperOptions: true once what this node knows of its loss is on stable storage. */
  beforeFirstRing(adopted: boolean): Promise<boolean> {
    if (adopted) this.#own.lostRing();
    else this.#own.hadNoRing();
    return this.#own.kept();
  }

  /** Whether the node's answer to a read is a vote; this node's own too. */
  isVoter(node: NodeId): boolean {
    return node === this.#parts.self ? !this.isRecovering : this.#peers.isVoter(node);
  }

  /** 0 where it is not recovering, undefined without a ring. Costs a look at every partition while it is. */
  partitionsLeft(): number | undefined {
    return this.#own.partitionsLeft();
  }

  /** Earlier runs are settled once data.db itself says that it is whole: until then it may be lost once more. */
  #settleOwn(told: readonly StorePoint[]): void {
    const { self, store, timers } = this.#parts;
    if (this.#own.isKept && !this.isRecovering) this.#memory.answered(self, told, store.point());
    else timers.after(SAVE_INTERVAL_MS, () => this.#settleOwn(told));
  }

  #saveLater(): void {
    this.#parts.timers.after(SAVE_INTERVAL_MS, () => {
      this.#save();
      void this.#saving.then(() => this.#saveLater());
    });
  }

  #save(): void {
    const { self, store, acknowledgements, observer } = this.#parts;
    this.#memory.acknowledged(self, store.point());
    const { changes } = this.#memory;
    if (changes === this.#saved) return;
    const bytes = encodeAcknowledgements(this.#memory);
    this.#saving = this.#saving
      .then(() => acknowledgements.save(bytes))
      .then(
        () => void (this.#saved = changes),
        (error: unknown) => {
          const message = error instanceof Error ? error.message : "unknown error";
          observer.event({ kind: "acknowledgements_not_saved", message });
        },
      );
  }
}
