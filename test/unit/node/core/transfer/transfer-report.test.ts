import { expect } from "chai";
import fc from "fast-check";
import { parseReport, reportAnswer } from "../../../../../node/core/transfer/transfer-report.ts";
import { nodeId } from "../ring/made-ring.ts";

const owners = fc.uniqueArray(fc.nat({ max: 20 }).map(nodeId), { minLength: 1, maxLength: 7 });
const reports = fc
  .array(fc.record({ before: owners, bits: fc.nat({ max: 127 }) }), { maxLength: 20 })
  .map((list) =>
    list.map(({ before, bits }, partition) => ({
      move: { partition, before, after: [], gaining: [] },
      equal: before.filter((_, i) => (bits & (1 << i)) !== 0),
    })),
  );

describe("the report of a gaining node", () => {
  it("says of each partition with whom the node is equal", () => {
    fc.assert(
      fc.property(reports, (list) => {
        const moves = list.map(({ move }) => move);
        const answer = reportAnswer("ring", moves, (partition) => new Set(list[partition]!.equal));
        const parsed = parseReport(JSON.parse(JSON.stringify(answer)) as typeof answer, "ring", moves);
        expect([...parsed!.values()]).to.deep.equal(list.map(({ equal }) => equal));
      }),
    );
  });

  it("is none where it is of another ring, of another length, or nonsense", () => {
    const moves = [{ partition: 3, before: [nodeId(0)], after: [], gaining: [] }];
    const answer = reportAnswer("ring", moves, () => new Set());
    expect(parseReport(answer, "ring", moves)?.size).to.equal(1);
    expect(parseReport(answer, "other", moves)).to.equal(undefined);
    expect(parseReport(answer, "ring", [])).to.equal(undefined);
    expect(parseReport({ ...answer, equal: "zz" }, "ring", moves)).to.equal(undefined);
    expect(parseReport({ ...answer, equal: 7 }, "ring", moves)).to.equal(undefined);
    expect(parseReport(undefined, "ring", moves)).to.equal(undefined);
  });
});
