import { expect } from "chai";
import { type Coverage, emptyCoverage, withDot } from "../../../../../node/core/version/coverage.ts";
import type { ActorId } from "../../../../../node/core/version/dot.ts";
import { emptyRecord, type KeyRecord, merge, put } from "../../../../../node/core/version/record.ts";
import {
  afterSeal,
  isCovered,
  PRUNED_ENTRIES_MIN,
  sealedRecord,
} from "../../../../../node/core/seal/sealed-record.ts";
import { runSeals, SEAL_RULES, type SealRules } from "./seal-model.ts";

const key = { bucket: new Uint8Array([1]), key: new Uint8Array([2]) };
const actor = (n: number): ActorId => `${n.toString(16).padStart(16, "0")}#1` as ActorId;

/** One write more, under an actor of its own. */
function written(
  record: KeyRecord,
  n: number,
  { seen = emptyCoverage, tombstone = false }: { seen?: Coverage; tombstone?: boolean } = {},
): KeyRecord {
  const value = { tombstone, value: new Uint8Array([n]), contentType: "", modifiedMs: 0, requestId: `r${n}` };
  return put(record, { seen, dot: { actor: actor(n), n: 1 }, value });
}

const live = written(emptyRecord(key), 1);
const deleted = written(live, 2, { seen: live.coverage, tombstone: true });
const sealed = sealedRecord(deleted)!;

describe("sealed record", () => {
  it("is a deleted one, or one with many entries of superseded writes", () => {
    expect(sealedRecord(live)).to.equal(undefined);
    expect(sealedRecord(written(deleted, 3))).to.equal(undefined);
    let busy = live;
    for (let n = 2; n <= PRUNED_ENTRIES_MIN; n++) busy = written(busy, n, { seen: busy.coverage });
    expect(sealedRecord(busy)).to.equal(undefined);
    busy = written(busy, 99, { seen: busy.coverage });
    expect(sealedRecord(busy)).to.not.equal(undefined);
  });

  it("covers nothing, itself and a part of itself; not the value it deletes, nor what it has not seen", () => {
    expect(isCovered(undefined, sealed)).to.equal(true);
    expect(isCovered(deleted, sealed)).to.equal(true);
    expect(isCovered(written(emptyRecord(key), 2, { tombstone: true }), sealed)).to.equal(true);
    expect(isCovered(live, sealed)).to.equal(false);
    expect(isCovered(written(deleted, 3), sealed)).to.equal(false);
    const wiser = { ...deleted, coverage: withDot(deleted.coverage, { actor: actor(3), n: 1 }) };
    expect(isCovered(wiser, sealed)).to.equal(false);
    expect(isCovered(written(emptyRecord(key), 3, { tombstone: true }), sealed)).to.equal(false);
  });

  it("drops a deleted record, unless a write has come since", () => {
    expect(afterSeal(deleted, sealed)).to.equal("drop");
    expect(afterSeal(written(deleted, 3, { seen: deleted.coverage }), sealed)).to.equal("keep");
    expect(afterSeal(live, sealed)).to.equal("keep");
  });

  it("prunes a live one to the entries of its siblings, the same on every member", () => {
    let busy = written(live, 500);
    for (let n = 2; n < 50; n++) busy = written(busy, n, { seen: live.coverage });
    busy = written(busy, 600, { seen: busy.coverage });
    busy = written(busy, 601);
    const after = afterSeal(busy, sealedRecord(busy)!) as KeyRecord;
    expect(after.siblings).to.deep.equal(busy.siblings);
    expect([...after.coverage.vector.keys()]).to.have.members([actor(600), actor(601)]);
    expect(merge(after, after)).to.deep.equal(after);
    expect(afterSeal(written(busy, 700), sealedRecord(busy)!)).to.equal("keep");
    const behind = {
      ...busy,
      coverage: { vector: new Map([...busy.coverage.vector].slice(-2)), loose: new Map() },
    };
    expect(afterSeal(behind, sealedRecord(busy)!)).to.equal("keep");
  });

  const SEEDS = 1_000;

  it("changes nothing that can be seen, whatever is on its way while it is asked about and dropped", () => {
    const done = { dropped: 0, pruned: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { difference, dropped, pruned } = runSeals(seed);
      expect(difference, `seed ${seed}`).to.equal(undefined);
      done.dropped += dropped;
      done.pruned += pruned;
    }
    expect(done.dropped).to.be.greaterThan(SEEDS / 2);
    expect(done.pruned).to.be.greaterThan(SEEDS / 50);
  });

  const bugs: Readonly<Record<string, Partial<SealRules>>> = {
    "one pass alone": { twoPasses: false },
    "only the owners are asked": { asksAll: false },
    "a value that the tombstone deletes counts as covered": {
      isCovered: (held, asked) => isCovered(held && { ...held, siblings: [] }, asked),
    },
    "dropped without a look at what is there now": {
      afterSeal: (held, asked) =>
        asked.siblings.every(({ tombstone }) => tombstone) ? "drop" : afterSeal(held, asked),
    },
  };
  // Few runs have a value that outlives the first pass on its way: this bug takes 3,284 seeds, so the hunt begins near.
  const firstSeed: Readonly<Record<string, number>> = { "one pass alone": 3_200 };
  for (const [name, bug] of Object.entries(bugs)) {
    it(`needs each rule: ${name}`, () => {
      const from = firstSeed[name] ?? 1;
      let seed = from;
      while (seed < from + SEEDS && runSeals(seed, { ...SEAL_RULES, ...bug }).difference === undefined)
        seed++;
      expect(seed).to.be.lessThan(from + SEEDS);
      expect(runSeals(seed).difference).to.equal(undefined);
    });
  }
});
