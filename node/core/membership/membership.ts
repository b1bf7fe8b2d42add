import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { Observer } from "../ports/observer.ts";
import type { PeerDirectory } from "../ports/peer-directory.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import { compareRings, type RingNumber } from "../ring/ring-number.ts";
import type { Ring } from "../ring/ring.ts";
import type { RingState } from "../ring/ring-state.ts";
import { ELASTIC } from "../ring/ring-upkeep.ts";
import type { NodeSettings } from "../settings.ts";
import { Gossip } from "./gossip.ts";
import type { HealthWatch } from "./health-watch.ts";
import { DOWN_MAX, type MemberCondition, type MemberEntry, type OwnDescription } from "./member-entry.ts";
import { MemberTable } from "./member-table.ts";
import type { PeerHealth } from "./peer-health.ts";

/**
 * The members as this node sees them: what each says of itself (gossip), and whether it answers (failure detector).
 *
 * Invariant: believing a member down is local and changes no ring: it only decides who is asked now. What others
 * believe is shown to people and decides nothing here, because a wrong verdict must not spread.
 */
export interface MembershipParts {
  readonly self: NodeId;
  /** What this node says of itself that its configuration decides. */
  readonly about: Pick<OwnDescription, "address" | "clientAddress" | "zone" | "software">;
  /** Its own state, asked at each round. */
  readonly condition: () => MemberCondition;
  /** Whether it keeps copies or hints, or does not know yet; asked while it is no member. */
  readonly keepsCopies: () => boolean;
  readonly ring: RingState & { peerConnected(id: NodeId): void; ringStore(): string | undefined };
  readonly calls: ControlCalls;
  readonly health: HealthWatch;
  readonly directory: PeerDirectory;
  readonly settings: Pick<NodeSettings, "gossipIntervalMs">;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
}

/** What is known of one node other than this one. */
export interface MemberView extends PeerHealth {
  /** Wall time at which the belief began; undefined where the node was never met. */
  readonly sinceWallMs: number | undefined;
  /** Undefined where nothing was heard of it yet. */
  readonly entry: MemberEntry | undefined;
  /** Members believed up here which say that they believe it down; ascending. */
  readonly suspectedBy: readonly NodeId[];
}

export class Membership {
  readonly #parts: MembershipParts;
  readonly #table: MemberTable;
  readonly #gossip: Gossip;
  /** The ids of the members of this ring. */
  #memberIds: ReadonlySet<NodeId> = new Set();
  #membersOf: Ring | undefined;
  readonly #startedMs: number;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    const { self, clock, health } = parts;
    this.#startedMs = clock.monotonicMs();
    this.#table = new MemberTable(
      { self, incarnation: clock.wallMs(), isMember: (id) => this.#isMember(id) },
      this.#describeSelf(),
    );
    this.#gossip = new Gossip({
      ...parts,
      table: this.#table,
      detector: health.detector,
      describeSelf: () => this.#describeSelf(),
    });
  }

  start(): void {
    this.#parts.health.start(this.#parts.calls);
    this.#gossip.start();
  }

  /** Asks for a sign of life now. */
  probe(id: NodeId): void {
    this.#parts.health.probe(id, this.#parts.calls);
  }

  peerConnected(id: NodeId): void {
    this.#gossip.peerConnected(id);
  }

  /** Answers a message whose type starts with "gossip.". */
  handleControl(from: NodeId, message: ControlMessage): ControlMessage {
    return this.#gossip.handleControl(from, message);
  }

  /** Whether it is believed to answer; always true for this node. Costs a map access. */
  isHealthy(id: NodeId): boolean {
    return id === this.#parts.self || this.#parts.health.detector.isHealthy(id);
  }

  /** Healthy, but to be asked after the others: it is slow, or says that it is about to stop or has lost data. */
  isSlow(id: NodeId): boolean {
    if (id === this.#parts.self) return false;
    if (this.#parts.health.detector.isSlow(id)) return true;
    const condition = this.#table.get(id)?.condition;
    return condition === "draining" || condition === "recovering";
  }

  /**
   * Whether it has said, or this node knows of itself, that this ring or a later one is on its disk: from then on it fences
   * what was planned by older ones (ring/change/fence.ts).
   */
  serves(id: NodeId, number: RingNumber): boolean {
    const ring = id === this.#parts.self ? this.#parts.ring.current() : this.#table.get(id)?.ring;
    return ring !== undefined && compareRings(ring, number) >= 0;
  }

  /** For how long it has been believed down by this process, which may be younger than its absence; 0 where it is healthy. */
  awayMs(id: NodeId): number {
    if (this.isHealthy(id)) return 0;
    const { reason, sinceMs } = this.view(id);
    return this.#parts.clock.monotonicMs() - (reason === "never_connected" ? this.#startedMs : sinceMs);
  }

  /** Nodes that were heard of, members or not, this one included; in no order. */
  known(): NodeId[] {
    return this.#table.entries().map(({ id }) => id);
  }

  /** What it says of itself now; undefined where nothing has been heard of it. */
  entry(id: NodeId): MemberEntry | undefined {
    if (id === this.#parts.self) this.#table.describeSelf(this.#describeSelf());
    return this.#table.get(id);
  }

  own(): MemberEntry {
    return this.#table.own();
  }

  view(id: NodeId): MemberView {
    return {
      ...this.#parts.health.describe(id),
      entry: this.#table.get(id),
      suspectedBy: this.#suspectedBy(id),
    };
  }

  #suspectedBy(id: NodeId): NodeId[] {
    const suspecting = this.#table.entries().filter(({ id: author, down }) => {
      return author !== this.#parts.self && down.includes(id) && this.isHealthy(author);
    });
    return suspecting.map((entry) => entry.id).sort();
  }

  #describeSelf(): OwnDescription {
    const ring = this.#parts.ring.current();
    const members = ring?.members ?? [];
    const down = members.filter((member) => !this.isHealthy(member.id)).map(({ id }) => id);
    const condition = members.length === 0 ? "no_ring" : this.#parts.condition();
    return {
      ...this.#parts.about,
      condition,
      down: down.sort().slice(0, DOWN_MAX),
      features: FEATURES,
      ringStore: this.#parts.ring.ringStore(),
      ring: ring && { generation: ring.generation, epoch: ring.epoch },
      keepsCopies: this.#isMember(this.#parts.self) ? undefined : this.#parts.keepsCopies(),
    };
  }

  /** Asked for every entry that comes by: to look through all members for each would cost their square a round. */
  #isMember(id: NodeId): boolean {
    const ring = this.#parts.ring.current();
    if (ring === undefined) return false;
    if (this.#membersOf !== ring) {
      this.#membersOf = ring;
      this.#memberIds = new Set(ring.members.map((member) => member.id));
    }
    return this.#memberIds.has(id);
  }
}

/** Of this release. */
const FEATURES = [ELASTIC] as const;
