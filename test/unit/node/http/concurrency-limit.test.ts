import { expect } from "chai";
import { ConcurrencyLimit, LIMIT_MIN } from "../../../../node/http/concurrency-limit.ts";

/**
 * A node in virtual time: one queue that a processor works off, then a wait in which any number is together (a disk's
 * commit, a peer). Requests come by a seeded Poisson process whatever became of those before.
 */
interface Model {
  /** Of the processor; the capacity is 1,000 over this. */
  readonly workMs: number;
  readonly waitMs: (nowMs: number, random: number) => number;
  readonly ratePerSecond: (nowMs: number) => number;
}

interface Seen {
  readonly atMs: number;
  /** Undefined: refused. */
  readonly tookMs: number | undefined;
  readonly limit: number;
}

const ADJUST_EVERY_MS = 250;

function run(model: Model, { seconds }: { seconds: number }): { seen: Seen[]; limit: ConcurrencyLimit } {
  const limit = new ConcurrencyLimit({ max: 512, delayMsTarget: 200 });
  const ends: { atMs: number; startMs: number }[] = [];
  const seen: Seen[] = [];
  const random = seeded(1);
  let freeAtMs = 0;
  let adjustAtMs = ADJUST_EVERY_MS;
  for (let nowMs = 0; nowMs < seconds * 1_000;) {
    nowMs += (-Math.log(1 - random()) * 1_000) / model.ratePerSecond(nowMs);
    ends.sort((a, b) => a.atMs - b.atMs);
    while ((ends[0]?.atMs ?? Infinity) <= nowMs || adjustAtMs <= nowMs) {
      if (adjustAtMs < (ends[0]?.atMs ?? Infinity)) {
        limit.adjust();
        adjustAtMs += ADJUST_EVERY_MS;
      } else {
        const { atMs, startMs } = ends.shift()!;
        limit.finished(atMs - startMs);
      }
    }
    if (limit.full) {
      seen.push({ atMs: nowMs, tookMs: undefined, limit: limit.limit });
      continue;
    }
    limit.started();
    freeAtMs = Math.max(freeAtMs, nowMs) + model.workMs;
    const atMs = freeAtMs + model.waitMs(nowMs, random());
    ends.push({ atMs, startMs: nowMs });
    seen.push({ atMs: nowMs, tookMs: atMs - nowMs, limit: limit.limit });
  }
  return { seen, limit };
}

/** Marsaglia's xorshift32, as in bench/overload/arrivals.ts. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function served(seen: readonly Seen[], fromMs: number, toMs: number): number[] {
  return seen.flatMap(({ atMs, tookMs }) =>
    atMs >= fromMs && atMs < toMs && tookMs !== undefined ? [tookMs] : [],
  );
}

function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * q)]!;
}

describe("concurrency limit", () => {
  const quick = () => 2;

  it("serves the whole capacity at two and at four times of it, and nobody waits long", () => {
    for (const factor of [2, 4]) {
      const { seen } = run(
        { workMs: 1, waitMs: quick, ratePerSecond: () => 1_000 * factor },
        { seconds: 10 },
      );
      const tookMs = served(seen, 2_000, 10_000);
      expect(tookMs.length / 8, `times ${factor}`).to.be.above(990);
      expect(quantile(tookMs, 0.99), `times ${factor}`).to.be.below(350);
    }
  });

  it("refuses nobody below the capacity, be it with a slow disk", () => {
    for (const waitMs of [quick, () => 170]) {
      const { seen } = run(
        { workMs: 0.5, waitMs, ratePerSecond: (nowMs) => (nowMs < 1_000 ? 200 : 1_200) },
        { seconds: 10 },
      );
      const refused = seen.filter(({ atMs, tookMs }) => atMs > 5_000 && tookMs === undefined);
      expect(refused.length).to.equal(0);
    }
  });

  it("does not shut out everybody because a silent peer holds up some", () => {
    const waitMs = (_: number, random: number): number => (random < 0.4 ? 500 : 2);
    const { seen } = run({ workMs: 0.5, waitMs, ratePerSecond: () => 800 }, { seconds: 10 });
    const refused = seen.filter(({ atMs, tookMs }) => atMs > 3_000 && tookMs === undefined);
    expect(refused.length).to.equal(0);
  });

  it("finds its way back within seconds when the disk becomes slow under full load", () => {
    const waitMs = (nowMs: number): number => (nowMs < 5_000 ? 2 : 170);
    const { seen } = run({ workMs: 1, waitMs, ratePerSecond: () => 950 }, { seconds: 25 });
    expect(served(seen, 20_000, 25_000).length / 5).to.be.above(900);
  });

  it("lets a few in however long they take, because only they can show that it is over", () => {
    const { limit } = run({ workMs: 200, waitMs: quick, ratePerSecond: () => 100 }, { seconds: 60 });
    expect(limit.limit).to.be.at.least(LIMIT_MIN);
    expect(limit.limit).to.be.below(30);
  });

  it("has room for 256 clients of three nodes before it has learnt anything", () => {
    const limit = new ConcurrencyLimit({ max: 512, delayMsTarget: 200 });
    for (let i = 0; i < Math.ceil(256 / 3); i++) limit.started();
    expect(limit.full).to.equal(false);
  });

  it("does not count requests that failed", () => {
    const limit = new ConcurrencyLimit({ max: 512, delayMsTarget: 200 });
    const before = limit.limit;
    for (let i = 0; i < before; i++) limit.started();
    for (let i = 0; i < before; i++) limit.finished(undefined);
    limit.adjust();
    expect(limit.limit).to.equal(before);
  });
});
