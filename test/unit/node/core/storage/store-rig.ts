import { countingRandom } from "./sample-writes.ts";
import type { CoreEvent } from "../../../../../node/core/ports/observer.ts";
import type { Database } from "../../../../../node/core/ports/database.ts";
import { GroupCommit } from "../../../../../node/core/storage/group-commit.ts";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { MemoryDatabase } from "./memory-database.ts";
import { PipePair } from "./pipe-pair.ts";
import { ReplicaReader } from "../../../../../node/core/storage/replica-reader.ts";
import { StoreClient } from "../../../../../node/core/storage/store-client.ts";

const random = countingRandom(3_000_000);
const limits = { siblingsMax: 1_000, recordBytesMax: 1 << 20, hintBytesMax: 1 << 30 };
const clock = { monotonicMs: () => 0, wallMs: () => 0 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface StoreRigParts {
  /** The writer's database, and the reader's where that is another connection. */
  readonly data: Database;
  readonly readerData?: Database;
  /** Likewise; in memory where undefined. */
  readonly hints?: Database;
  readonly readerHints?: Database;
  readonly changesPerFold?: number;
}

/** The storage of one process in one thread: client, writer and a reader, over databases that may outlive it. */
export class StoreRig {
  readonly store: StoreClient;
  readonly engine: GroupCommit;
  readonly events: CoreEvent[] = [];
  readonly #writer = new PipePair();
  readonly #reader = new PipePair();

  constructor(parts: StoreRigParts) {
    const { data, readerData = data, changesPerFold = 3 } = parts;
    const { hints = new MemoryDatabase(), readerHints = hints } = parts;
    const timers = { after: () => () => undefined, soon: (run: () => void) => queueMicrotask(run) };
    const shared = { hash: md5Digester };
    const writerParts = { data, hints, pipe: this.#writer.far, random, clock, limits, changesPerFold };
    this.engine = new GroupCommit({ ...shared, ...writerParts });
    const reader = new ReplicaReader({
      ...shared,
      data: readerData,
      hints: readerHints,
      pipe: this.#reader.far,
    });
    void reader;
    this.store = new StoreClient({
      writer: this.#writer.near,
      readers: [this.#reader.near],
      clock,
      timers,
      observer: { event: (event) => void this.events.push(event) },
      opened: this.engine.opened,
      tombstones: this.engine.tombstones,
      rows: { data: data.count(), hints: hints.count(), ...hints.countKept() },
    });
  }

  /** Lets messages through and batches be committed until nothing moves. `until`: stop where the power would fail. */
  async run(until: "applied" | "committed" | "answered" = "answered"): Promise<void> {
    for (;;) {
      await turn();
      const arrived = this.#writer.far.deliver() + this.#reader.far.deliver();
      const applied = this.engine.apply();
      this.#writer.near.deliver();
      if (until === "applied") return;
      this.engine.commit();
      if (until === "committed") return;
      const answered = this.#writer.near.deliver() + this.#reader.near.deliver();
      if (arrived + answered === 0 && !applied) return;
    }
  }

  /** Waits for what takes several messages, one after the other. */
  async until<T>(promise: Promise<T>): Promise<T> {
    for (;;) {
      const done = await Promise.race([promise.then(() => true), this.run().then(() => false)]);
      if (done) return promise;
    }
  }
}
