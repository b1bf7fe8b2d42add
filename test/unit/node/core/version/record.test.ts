import { expect } from "chai";
import fc from "fast-check";
import { type Coverage, covers, join, withDot } from "../../../../../node/core/version/coverage.ts";
import { decodeRecord, encodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { type KeyRecord, merge, visibleSiblings } from "../../../../../node/core/version/record.ts";
import { CLIENTS, faultySchedules, REPLICAS, schedulesWithRetries } from "./arbitrary-schedule.ts";
import { idOf, Schedule, shippedRules, type Step } from "./schedule.ts";

const RUNS = { numRuns: 300 };

function ran(steps: readonly Step[]): Schedule {
  return new Schedule({ replicas: REPLICAS, clients: CLIENTS, rules: shippedRules }).run(steps);
}

/** By its bytes: a record is canonical. */
function bytesOf(record: KeyRecord): string {
  return Buffer.from(encodeRecord(record)).toString("hex");
}

/** Three records that existed at any time in one schedule, on a replica or in a reader's hands. */
const reachableTriples = fc
  .tuple(schedulesWithRetries, fc.nat(), fc.nat(), fc.nat())
  .map(([steps, ...picks]) => {
    const { records } = ran(steps);
    const [a, b, c] = picks.map((pick) => records[pick % records.length]!);
    return { a: a!, b: b!, c: c! };
  });

describe("merge of reachable records, also after faults and retries", () => {
  it("is commutative", () => {
    fc.assert(
      fc.property(reachableTriples, ({ a, b }) => {
        expect(bytesOf(merge(a, b))).to.equal(bytesOf(merge(b, a)));
      }),
      RUNS,
    );
  });

  it("is associative", () => {
    fc.assert(
      fc.property(reachableTriples, ({ a, b, c }) => {
        expect(bytesOf(merge(merge(a, b), c))).to.equal(bytesOf(merge(a, merge(b, c))));
      }),
      RUNS,
    );
  });

  it("is idempotent, and absorbs what it has merged before", () => {
    fc.assert(
      fc.property(reachableTriples, ({ a, b }) => {
        expect(bytesOf(merge(a, a))).to.equal(bytesOf(a));
        expect(bytesOf(merge(merge(a, b), b))).to.equal(bytesOf(merge(a, b)));
      }),
      RUNS,
    );
  });

  it("keeps siblings ascending, each dot once and covered", () => {
    fc.assert(
      fc.property(reachableTriples, ({ a, b }) => {
        const merged = merge(a, b);
        expect(bytesOf(decodeRecord(encodeRecord(merged)))).to.equal(bytesOf(merged));
      }),
      RUNS,
    );
  });
});

describe("a key under random schedules with lost rows, old disks and failed commits", () => {
  it("loses no write but to one whose writer saw it, and shows no value beside one whose writer saw it", () => {
    fc.assert(
      fc.property(faultySchedules, (steps) => {
        const { lost, falseSiblings } = ran(steps);
        expect({ lost, falseSiblings }).to.deep.equal({ lost: 0, falseSiblings: 0 });
      }),
      RUNS,
    );
  });

  it("loses no write where clients retry at other coordinators", () => {
    fc.assert(
      fc.property(schedulesWithRetries, (steps) => {
        expect(ran(steps).lost).to.equal(0);
      }),
      RUNS,
    );
  });

  it("never mints a dot twice", () => {
    fc.assert(
      fc.property(schedulesWithRetries, (steps) => {
        expect(ran(steps).repeatedDots).to.equal(0);
      }),
      RUNS,
    );
  });

  it("answers a put with the client's context and exactly its own dot", () => {
    fc.assert(
      fc.property(schedulesWithRetries, (steps) => {
        const { putContexts, writes } = ran(steps);
        for (const { seen, dot, context } of putContexts) {
          for (const write of writes) {
            const own = write.dot.actor === dot.actor && write.dot.n === dot.n;
            expect(covers(context, write.dot)).to.equal(own || covers(seen, write.dot));
          }
        }
      }),
      RUNS,
    );
  });

  it("lets no record, and so no context of a get, cover a write that no writer of its values was shown", () => {
    fc.assert(
      fc.property(faultySchedules, (steps) => {
        const schedule = ran(steps);
        for (const record of schedule.records)
          expect(schedule.overclaimsOf(record, covers)).to.deep.equal([]);
      }),
      RUNS,
    );
  });

  it("converges once every replica has merged every other", () => {
    fc.assert(
      fc.property(
        schedulesWithRetries,
        fc.shuffledSubarray([0, 1, 2, 3], { minLength: REPLICAS }),
        (steps, order) => {
          const { replicas } = ran(steps);
          const forwards = replicas.map(({ record }) => record).reduce(merge);
          const shuffled = order.map((i) => replicas[i]!.record).reduceRight(merge);
          expect(bytesOf(shuffled)).to.equal(bytesOf(forwards));
        },
      ),
      RUNS,
    );
  });

  it("shows each request id once", () => {
    fc.assert(
      fc.property(schedulesWithRetries, (steps) => {
        for (const record of ran(steps).records) {
          const shown = visibleSiblings(record).map(idOf);
          expect(shown).to.deep.equal([...new Set(shown)]);
          expect(new Set(shown)).to.deep.equal(new Set(record.siblings.map(idOf)));
        }
      }),
      RUNS,
    );
  });

  it("joins the coverages of what it merges, so that a context of a merged read covers each dot it came from", () => {
    fc.assert(
      fc.property(reachableTriples, ({ a, b }) => {
        const merged = merge(a, b);
        for (const { dot } of [...a.siblings, ...b.siblings])
          expect(covers(merged.coverage, dot)).to.equal(true);
        const same: Coverage = join(a.coverage, b.coverage);
        for (const { dot } of merged.siblings) expect(withDot(same, dot)).to.deep.equal(same);
      }),
      RUNS,
    );
  });
});
