import { expect } from "chai";
import fc from "fast-check";
import {
  differingLeaves,
  directionOf,
  inBoth,
  type Versions,
} from "../../../../../node/core/antientropy/differences.ts";
import { compareBytes, type KeyRecord, merge } from "../../../../../node/core/version/record.ts";
import { encodeRecord } from "../../../../../node/core/version/record-codec.ts";
import { CLIENTS, faultySchedules, REPLICAS } from "../version/arbitrary-schedule.ts";
import { Schedule, shippedRules } from "../version/schedule.ts";

const hash = (n: number): Uint8Array => new Uint8Array(16).fill(n);

describe("differences", () => {
  it("of leaves are those that one side lacks or has another hash of", () => {
    const ours = [1, 2, 4].map((leaf) => ({ leaf, hash: hash(leaf) }));
    const theirs = [
      { leaf: 1, hash: hash(1) },
      { leaf: 2, hash: hash(9) },
      { leaf: 3, hash: hash(3) },
    ];
    expect(differingLeaves(ours, theirs)).to.deep.equal([2, 3, 4]);
    expect(differingLeaves([], theirs)).to.deep.equal([1, 2, 3]);
    expect(differingLeaves(ours, ours)).to.deep.equal([]);
    expect(inBoth([1, 2, 3], [3, 1])).to.deep.equal([1, 3]);
  });

  it("of versions say where a record has to go: where the merge is not what is there", () => {
    fc.assert(
      fc.property(faultySchedules, (schedule) => {
        const run = new Schedule({ replicas: REPLICAS, clients: CLIENTS, rules: shippedRules }).run(schedule);
        const records = run.records.slice(0, 30);
        for (const [i, ours] of records.entries()) {
          for (const theirs of records.slice(i + 1)) {
            const merged = encodeRecord(merge(ours, theirs));
            const pull = compareBytes(merged, encodeRecord(ours)) !== 0;
            const push = compareBytes(merged, encodeRecord(theirs)) !== 0;
            const wanted = pull === push ? "both" : pull ? "pull" : "push";
            expect(directionOf(versions(ours), versions(theirs))).to.equal(wanted);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

function versions({ coverage, siblings }: KeyRecord): Versions {
  return { coverage, dots: siblings.map(({ dot }) => dot) };
}
