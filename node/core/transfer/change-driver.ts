import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlCalls, ControlMessage } from "../ports/control-calls.ts";
import type { Observer } from "../ports/observer.ts";
import type { Random } from "../ports/random.ts";
import type { Timers } from "../ports/timers.ts";
import {
  endLacks,
  flipLacks,
  type Lack,
  movesOf,
  type PartitionMove,
} from "../ring/change/change-progress.ts";
import { copiesMoved } from "../ring/change/copies-moved.ts";
import type { Step } from "../ring/change/change-steps.ts";
import { votersOf } from "../ring/change/elastic-ring.ts";
import type { ElasticRing } from "../ring/ring.ts";
import type { RingState } from "../ring/ring-state.ts";
import type { NodeSettings } from "../settings.ts";
import { parseReport, reportAnswer, reportQuestion } from "./transfer-report.ts";

/**
 * Leads a change under way to its end: asks the gaining nodes how far they are and proposes flip and end when nothing is
 * lacking (decision 15). Every member does; the first live one by id looks every second, the others the more seldom the
 * later they come, so that no node is needed and few messages are sent. Two that propose the same do no harm.
 *
 * Who only joins or has left looks too, for whoever asks it how far the change is, but proposes nothing.
 */
export interface ChangeDriverParts {
  readonly self: NodeId;
  readonly ring: RingState;
  readonly settings: Pick<NodeSettings, "readQuorum" | "writeQuorum">;
  readonly calls: ControlCalls;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly observer: Observer;
  readonly isConnected: (peer: NodeId) => boolean;
  readonly isHealthy: (node: NodeId) => boolean;
  /** Whether it durably serves the epoch from which on the ring of the change accepts plans, or a later one. */
  readonly isFencing: (node: NodeId) => boolean;
  /** transfer.ts, of this node. */
  readonly equalWith: (partition: number) => ReadonlySet<NodeId>;
  /** Resolves once the step is decided, or is not to be had now. Never rejects. */
  readonly propose: (step: Step) => Promise<unknown>;
}

const LOOK_MS = 1_000;
/** So many times longer the next member waits. */
const RANK_FACTOR = 15;
/** As long somebody who asked for it is believed to watch. */
const WATCHED_MS = 10_000;
const ANSWER_TIMEOUT_MS = 2_000;

interface UnderWay {
  readonly ring: ElasticRing;
  readonly digest: string;
  readonly moves: readonly PartitionMove[];
  /** By gaining node. */
  readonly movesOfNode: ReadonlyMap<NodeId, readonly PartitionMove[]>;
}

export class ChangeDriver {
  readonly #parts: ChangeDriverParts;
  #change: UnderWay | undefined;
  #lacks: readonly Lack[] = [];
  #lookedMs = -Infinity;
  /** When this node began to serve the ring of the change. */
  #sinceMs = 0;
  #watchedMs = -Infinity;
  #isTicking = false;
  #isLooking = false;

  constructor(parts: ChangeDriverParts) {
    this.#parts = parts;
  }

  /** To be called with each ring, and once at the start. */
  ringChanged(): void {
    const ring = this.#parts.ring.current();
    const isChanging = ring !== undefined && ring.format === 2 && ring.change !== null;
    this.#change = isChanging ? underWay(ring, this.#parts.ring.hash()) : undefined;
    this.#lacks = this.#change === undefined ? [] : this.#lacksOf(this.#change, new Map());
    this.#lookedMs = this.#parts.clock.monotonicMs();
    this.#sinceMs = this.#lookedMs;
    this.#tick();
  }

  /** What the next step lacked when this node looked last: all of it where it has not yet. */
  lacks(): readonly Lack[] {
    this.#watchedMs = this.#parts.clock.monotonicMs();
    return this.#lacks;
  }

  /** For metrics: how many `lacks()` are, of whom nobody is told that they are watched. */
  get lackCount(): number {
    return this.#lacks.length;
  }

  /** Answers a message of type REPORT. */
  handleControl(): ControlMessage {
    const { self, ring, equalWith } = this.#parts;
    return reportAnswer(ring.hash(), this.#change?.movesOfNode.get(self) ?? [], equalWith);
  }

  #tick(): void {
    if (this.#isTicking || this.#change === undefined) return;
    this.#isTicking = true;
    const jitterMs = this.#parts.random.below(LOOK_MS / 4);
    this.#parts.timers.after(LOOK_MS / 2 + jitterMs, () => {
      this.#isTicking = false;
      if (this.#isDue()) void this.#look();
      this.#tick();
    });
  }

  #isDue(): boolean {
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (this.#isLooking || this.#change === undefined) return false;
    const isWatched = nowMs - this.#watchedMs <= WATCHED_MS;
    const waitMs = isWatched ? LOOK_MS : LOOK_MS * (1 + RANK_FACTOR * this.#rank(this.#change.ring));
    return nowMs - this.#lookedMs >= waitMs;
  }

  /** Live voters first, by id. */
  #rank(ring: ElasticRing): number {
    const { self, isHealthy } = this.#parts;
    const voters = votersOf(ring).map(({ id }) => id);
    const live = voters.filter((id) => id !== self && isHealthy(id));
    return voters.includes(self) ? live.filter((id) => id < self).length : live.length;
  }

  async #look(): Promise<void> {
    const change = this.#change;
    if (change === undefined) return;
    this.#isLooking = true;
    this.#lookedMs = this.#parts.clock.monotonicMs();
    const reports = change.ring.change!.phase === "transfer" ? await this.#reports(change) : new Map();
    if (this.#change === change) {
      this.#lacks = this.#lacksOf(change, reports);
      this.#tell(change.ring, this.#lacks);
      const isVoter = votersOf(change.ring).some(({ id }) => id === this.#parts.self);
      if (this.#lacks.length === 0 && isVoter) await this.#parts.propose(nextStep(change.ring));
    }
    this.#isLooking = false;
  }

  #tell(ring: ElasticRing, lacks: readonly Lack[]): void {
    const [first] = lacks;
    if (first === undefined) return;
    const { changeId, phase } = ring.change!;
    const { partition, node = "", has, needs } = first;
    const durationMs = this.#parts.clock.monotonicMs() - this.#sinceMs;
    const far = { changeId, phase, ...copiesMoved(ring, lacks), durationMs };
    this.#parts.observer.event({ kind: "change_waited", ...far, partition, nodeId: node, has, needs });
  }

  async #reports({ digest, movesOfNode }: UnderWay): Promise<Reports> {
    const { self, calls, isConnected, equalWith } = this.#parts;
    const question = reportQuestion(digest);
    const reports = [...movesOfNode].map(async ([node, moves]) => {
      const isSilent = node !== self && !isConnected(node);
      const answer = isSilent
        ? undefined
        : node === self
          ? reportAnswer(digest, moves, equalWith)
          : await calls.call(node, question, ANSWER_TIMEOUT_MS);
      return [node, parseReport(answer, digest, moves)] as const;
    });
    return new Map(await Promise.all(reports));
  }

  #lacksOf({ ring, moves }: UnderWay, reports: Reports): readonly Lack[] {
    const { settings, isFencing } = this.#parts;
    if (ring.change!.phase === "flipped") return endLacks(moves, { r: settings.readQuorum, isFencing });
    return flipLacks(moves, {
      w: settings.writeQuorum,
      comparedWith: ({ partition }, node) => reports.get(node)?.get(partition) ?? [],
    });
  }
}

type Reports = ReadonlyMap<NodeId, ReadonlyMap<number, readonly NodeId[]> | undefined>;

function underWay(ring: ElasticRing, digest: string): UnderWay {
  const moves = movesOf(ring);
  const movesOfNode = new Map<NodeId, PartitionMove[]>();
  for (const move of moves) {
    for (const node of move.gaining) {
      const own = movesOfNode.get(node);
      if (own === undefined) movesOfNode.set(node, [move]);
      else own.push(move);
    }
  }
  return { ring, digest, moves, movesOfNode };
}

function nextStep({ change }: ElasticRing): Step {
  const { changeId, phase } = change!;
  return { kind: phase === "transfer" ? "flip" : "end", changeId };
}
