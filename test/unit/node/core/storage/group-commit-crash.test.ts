import { countingRandom, keyNamed, seenBytes, writeOf } from "./sample-writes.ts";
import { decodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { DatabaseFailure } from "../../../../../node/core/ports/database.ts";
import { expect } from "chai";
import fc from "fast-check";
import { GroupCommit } from "../../../../../node/core/storage/group-commit.ts";
import { covers, emptyCoverage } from "../../../../../node/core/version/coverage.ts";
import type { Dot } from "../../../../../node/core/version/dot.ts";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { emptyImage, MemoryDatabase } from "./memory-database.ts";
import { PipePair } from "./pipe-pair.ts";
import { StoreClient } from "../../../../../node/core/storage/store-client.ts";

const random = countingRandom(1_000_000);
const limits = { siblingsMax: 1_000, recordBytesMax: 1 << 20, hintBytesMax: 1 << 30 };
const clock = { monotonicMs: () => 0, wallMs: () => 0 };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One process over a disk that outlives it. */
class Process {
  readonly store: StoreClient;
  readonly engine: GroupCommit;
  readonly #pipe = new PipePair();

  constructor(data: MemoryDatabase) {
    const hints = new MemoryDatabase();
    const timers = { after: () => () => undefined, soon: (run: () => void) => queueMicrotask(run) };
    const readers = [new PipePair().near];
    const observer = { event: () => undefined };
    this.engine = new GroupCommit({
      data,
      hints,
      pipe: this.#pipe.far,
      hash: md5Digester,
      random,
      clock,
      limits,
    });
    const { opened } = this.engine;
    this.store = new StoreClient({ writer: this.#pipe.near, readers, clock, timers, observer, opened });
  }

  /** Lets messages through; `until` says where the power fails, if it does. */
  async run(until: "applied" | "committed" | "answered"): Promise<void> {
    for (;;) {
      await turn();
      const arrived = this.#pipe.far.deliver();
      const applied = this.engine.apply();
      this.#pipe.near.deliver();
      await turn();
      if (until === "applied") return;
      this.engine.commit();
      if (until === "committed") return;
      this.#pipe.near.deliver();
      await turn();
      if (arrived === 0 && !applied) return;
    }
  }
}

type Step =
  | { kind: "put"; key: number; withContext: boolean }
  | { kind: "run"; until: "applied" | "committed" | "answered" }
  | { kind: "crash" | "lose_database" | "restore" | "take_snapshot" | "fail_commit" }
  | { kind: "lose_row"; key: number };

const keyIndex = fc.nat(1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("put" as const), key: keyIndex, withContext: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("run" as const), until: fc.constant("answered" as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("run" as const),
      until: fc.constantFrom("applied" as const, "committed" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "crash" as const,
        "lose_database" as const,
        "restore" as const,
        "take_snapshot" as const,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("fail_commit" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose_row" as const), key: keyIndex }) },
);

interface Written {
  readonly key: number;
  readonly value: string;
  dot: Dot | undefined;
  acknowledged: boolean;
}

/** One life of a node: processes come and go, the disk suffers, and every dot and acknowledgement is written down. */
class Life {
  readonly data = new MemoryDatabase();
  readonly written: Written[] = [];
  /** Since the disk last lost or forgot something by force: nothing acknowledged since then may be missing. */
  epochStart = 0;
  #process = new Process(this.data);
  #snapshot = emptyImage;

  async take(action: Step): Promise<void> {
    switch (action.kind) {
      case "put":
        return this.#put(action);
      case "run":
        await this.#process.run(action.until);
        if (action.until !== "answered") this.#crash();
        return;
      case "crash":
        return this.#crash();
      case "take_snapshot":
        this.#snapshot = this.data.snapshot();
        return;
      case "fail_commit":
        this.data.failNext = { at: "commit", failure: new DatabaseFailure("disk_full", "no space") };
        return;
      case "lose_row":
        this.data.remove(keyNamed(`key-${action.key}`).position);
        this.epochStart = this.written.length;
        return;
      case "lose_database":
      case "restore":
        this.#crash();
        this.data.restore(action.kind === "restore" ? this.#snapshot : emptyImage);
        this.epochStart = this.written.length;
    }
  }

  async finish(): Promise<void> {
    this.data.failNext = undefined;
    await this.#process.run("answered");
  }

  #crash(): void {
    this.data.crash();
    this.#process = new Process(this.data);
  }

  #put({ key, withContext }: { key: number; withContext: boolean }): void {
    const name = `key-${key}`;
    const row = this.data.read(keyNamed(name).position);
    const coverage = withContext && row !== undefined ? decodeRecord(row.record).coverage : emptyCoverage;
    const entry: Written = {
      key,
      value: `value-${this.written.length}`,
      dot: undefined,
      acknowledged: false,
    };
    this.written.push(entry);
    const { merged, durable } = this.#process.store.coordinate(
      writeOf(name, entry.value, { seen: seenBytes(coverage) }),
    );
    void merged.then((result) => {
      if (result.ok) entry.dot = result.dot;
    });
    void durable.then((result) => {
      entry.acknowledged = result.ok;
    });
  }
}

describe("GroupCommit over a disk that crashes, fails, loses and forgets", () => {
  it("never gives one dot to two writes of a key, and keeps what it acknowledged or its superseder", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 25, maxLength: 60, size: "max" }), async (steps) => {
        const life = new Life();
        for (const action of steps) await life.take(action);
        await life.finish();
        const names = life.written.flatMap(({ key, dot }) =>
          dot === undefined ? [] : [`${key} ${dot.actor} ${dot.n}`],
        );
        expect(new Set(names).size, "dots are distinct").to.equal(names.length);
        for (const { key, dot, acknowledged } of life.written.slice(life.epochStart)) {
          if (!acknowledged) continue;
          const row = life.data.read(keyNamed(`key-${key}`).position);
          expect(
            row !== undefined && covers(decodeRecord(row.record).coverage, dot!),
            "acknowledged and kept",
          ).to.equal(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});
