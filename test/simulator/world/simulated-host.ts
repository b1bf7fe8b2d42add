import { DynamoNode } from "../../../node/core/dynamo-node.ts";
import type { NodeId } from "../../../node/core/node-id.ts";
import type { Database } from "../../../node/core/ports/database.ts";
import type { MessagePipe } from "../../../node/core/ports/message-pipe.ts";
import type { TombstoneCount } from "../../../node/core/ports/tombstone-store.ts";
import type { OpenedStore } from "../../../node/core/ports/store-identity.ts";
import type { Observer } from "../../../node/core/ports/observer.ts";
import type { NodeSettings } from "../../../node/core/settings.ts";
import type { Coverage } from "../../../node/core/version/coverage.ts";
import { GroupCommit } from "../../../node/core/storage/group-commit.ts";
import type { RowCounts } from "../../../node/core/storage/row-counts.ts";
import { ReplicaReader } from "../../../node/core/storage/replica-reader.ts";
import { StoreClient } from "../../../node/core/storage/store-client.ts";
import { countKeptIn } from "./kept-counts.ts";
import { simulatedHash } from "./simulated-hash.ts";
import type { EventLoop } from "./event-loop.ts";
import { Incarnation } from "./incarnation.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { type DatabaseHooks, SimulatedDatabase, SimulatedReaderDatabase } from "./simulated-database.ts";
import { emptyFile, SimulatedDisk } from "./simulated-disk.ts";
import type { SimulatedNetwork } from "./simulated-network.ts";
import { simulatedPipe } from "./simulated-pipe.ts";
import { SimulatedAcknowledgementStore } from "./simulated-acknowledgement-store.ts";
import { SimulatedRingStore } from "./simulated-ring-store.ts";
import { type Quartz, SkewedClock, SkewedTimers } from "./skewed-clock.ts";
import { VirtualThread } from "./virtual-thread.ts";

const READER_THREADS = 2;

export interface HostParts {
  readonly id: NodeId;
  readonly zone: string;
  readonly loop: EventLoop;
  readonly network: SimulatedNetwork;
  readonly random: SeededRandom;
  readonly settings: NodeSettings;
  readonly changesPerFold: number | undefined;
  readonly quartz: Quartz;
  /** Longest time that a message between threads takes. */
  readonly pipeDelayMsMax: number;
  readonly observer: Observer;
  readonly hooks: DatabaseHooks;
}

/**
 * A machine: a disk, a clock, and one life of a node after another. It wires the node as `node/main.ts` does: a
 * network thread, one writer and two readers, each pair joined by a pipe, over the core's own classes.
 */
export class SimulatedHost {
  readonly disk = new SimulatedDisk();
  /** What seals made the cluster forget, by place: no disk needs to show it any more. */
  readonly forgotten = new Map<string, Coverage>();
  readonly quartz: Quartz;
  readonly id: NodeId;
  readonly #parts: HostParts;
  #incarnation: Incarnation | undefined;
  #node: DynamoNode | undefined;
  #lives = 0;
  #pausedMs = 0;
  #pauses = 0;
  readonly #mourners = new Set<() => void>();

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.id = parts.id;
    this.quartz = parts.quartz;
  }

  /** Undefined while the machine is down. */
  get node(): DynamoNode | undefined {
    return this.#node;
  }

  get incarnation(): Incarnation | undefined {
    return this.#incarnation;
  }

  /** Runs `mourn` when the life that is under way ends. Returns the way to take that back. */
  onDeath(mourn: () => void): () => void {
    this.#mourners.add(mourn);
    return () => this.#mourners.delete(mourn);
  }

  start(): void {
    if (this.#incarnation !== undefined) return;
    const { id, zone, loop, network, settings, observer } = this.#parts;
    const incarnation = new Incarnation(id, ++this.#lives);
    const random = this.#parts.random.fork("life", incarnation.number);
    const clock = new SkewedClock(loop, this.quartz);
    const timers = new SkewedTimers(loop, this.quartz, incarnation);
    const { pipe: writer, opened, tombstones } = this.#startWriter(incarnation, random, clock);
    const readers = Array.from({ length: READER_THREADS }, (_, i) =>
      this.#startReader(incarnation, random, i),
    );
    const about = { address: `${id}:7080`, clientAddress: `${id}:8080` };
    const endpoint = network.attach(incarnation, { ...about, zone, version: "0.1.0" });
    const node = new DynamoNode({
      self: id,
      zone,
      about: { ...about, software: "0.1.0" },
      condition: () => "serving",
      settings,
      clock,
      timers,
      random: random.fork("core"),
      hash: simulatedHash,
      observer,
      transport: endpoint,
      directory: endpoint,
      store: new StoreClient({
        writer,
        readers,
        clock,
        timers,
        observer,
        opened,
        tombstones,
        rows: this.#rows(),
      }),
      acknowledgements: new SimulatedAcknowledgementStore(
        this.disk,
        loop,
        incarnation,
        random.fork("acknowledgements"),
      ),
      ringStore: new SimulatedRingStore(this.disk, loop, incarnation, random.fork("ring store")),
      setCopiesAside: () => this.#putAside(incarnation),
    });
    node.start();
    this.#incarnation = incarnation;
    this.#node = node;
  }

  /** The process ends, and the next one finds its databases empty. */
  #putAside(incarnation: Incarnation): void {
    this.#parts.loop.after(0, () => {
      if (this.#incarnation !== incarnation) return;
      this.crash("kill");
      for (const file of [this.disk.data, this.disk.hints]) file.restore(emptyFile);
      this.start();
    });
  }

  /** SIGKILL: the page cache survives. With the power it does not. Returns the fate of commits that were under way. */
  crash(kind: "kill" | "power"): boolean[] {
    const incarnation = this.#incarnation;
    if (incarnation === undefined) return [];
    incarnation.alive = false;
    this.#incarnation = undefined;
    this.#node = undefined;
    this.#parts.network.detach(incarnation, { silently: kind === "power" });
    const luck = this.#parts.random.fork("crash", incarnation.number);
    const outcomes = this.disk.crash(luck, { kept: kind === "kill" ? 0.5 : 0.2 });
    for (const mourn of this.#mourners) mourn();
    this.#mourners.clear();
    return outcomes;
  }

  pause(durationMs: number): void {
    this.#pauses += 1;
    const incarnation = this.#incarnation;
    if (incarnation === undefined) return;
    const { nowMs } = this.#parts.loop;
    // The later end counts: what was put off until then must not be overtaken by what comes after a shorter pause.
    const untilMs = Math.max(incarnation.pausedUntilMs, nowMs + durationMs);
    this.#pausedMs += untilMs - Math.max(incarnation.pausedUntilMs, nowMs);
    incarnation.pausedUntilMs = untilMs;
  }

  /** How often it was paused so far. */
  get pauses(): number {
    return this.#pauses;
  }

  /** Virtual time less its pauses: passes only while the process runs. To be asked while it does. */
  get runningMs(): number {
    return this.#parts.loop.nowMs - this.#pausedMs;
  }

  #startWriter(
    incarnation: Incarnation,
    random: SeededRandom,
    clock: SkewedClock,
  ): { pipe: MessagePipe; opened: OpenedStore; tombstones: TombstoneCount } {
    const { hooks, settings, changesPerFold } = this.#parts;
    const thread = new VirtualThread(this.#parts.loop, incarnation);
    const pipe = this.#pipe(incarnation, random.fork("writer pipe"), thread);
    const disk = this.disk;
    const open = (name: "data" | "hints"): Database =>
      new SimulatedDatabase({ file: disk[name], disk, thread, random: random.fork(name), hooks });
    let woken = false;
    const commitBatches = (): void => {
      woken = false;
      if (!engine.apply()) return;
      engine.commit();
      wake();
    };
    const wake = (): void => {
      if (woken) return;
      woken = true;
      thread.soon(commitBatches);
    };
    const engine = new GroupCommit({
      data: open("data"),
      hints: open("hints"),
      pipe: {
        post: (message) => pipe.far.post(message),
        onMessage: (handler) =>
          pipe.far.onMessage((message) => {
            handler(message);
            wake();
          }),
      },
      hash: simulatedHash,
      random: random.fork("actor"),
      clock,
      limits: settings,
      ...(changesPerFold === undefined ? {} : { changesPerFold }),
    });
    return { pipe: pipe.near, opened: engine.opened, tombstones: engine.tombstones };
  }

  /** Counted when the databases are opened, as the storage threads do. */
  #rows(): RowCounts {
    const { data, hints } = this.disk;
    return { data: data.rows.size, hints: hints.rows.size, ...countKeptIn(hints.rows.values()) };
  }

  #startReader(incarnation: Incarnation, random: SeededRandom, index: number): MessagePipe {
    const thread = new VirtualThread(this.#parts.loop, incarnation);
    const pipe = this.#pipe(incarnation, random.fork("reader pipe", index), thread);
    const reader = new ReplicaReader({
      data: new SimulatedReaderDatabase(this.disk.data, thread),
      hints: new SimulatedReaderDatabase(this.disk.hints, thread),
      pipe: pipe.far,
      hash: simulatedHash,
    });
    void reader;
    return pipe.near;
  }

  #pipe(
    owner: Incarnation,
    random: SeededRandom,
    far: VirtualThread,
  ): { near: MessagePipe; far: MessagePipe } {
    const { loop, pipeDelayMsMax: delayMsMax } = this.#parts;
    const near = {
      get localMs() {
        return loop.nowMs;
      },
      run: (job: () => void) => job(),
    };
    return simulatedPipe({ loop, owner, random, near, far, delayMsMax });
  }
}
