import { expect } from "chai";
import fc from "fast-check";
import { type ReadPage, RowComparison } from "../../../../../node/core/antientropy/row-pages.ts";

/** Rows by a number for the position and one for the digest. */
type Rows = ReadonlyMap<number, number>;

function bytes(n: number): Uint8Array {
  return new Uint8Array(16).fill(n >> 8, 14, 15).fill(n, 15);
}

function pagesOf(rows: Rows, size: number, asked: number[] = []): ReadPage {
  const all = [...rows].sort(([left], [right]) => left - right);
  return (after) => {
    const from = after === undefined ? -1 : (after[14]! << 8) | after[15]!;
    asked.push(from);
    const rest = all.filter(([position]) => position > from);
    const page = rest
      .slice(0, size)
      .map(([position, digest]) => ({ position: bytes(position), digest: bytes(digest) }));
    return Promise.resolve({ rows: page, next: rest.length > size ? page.at(-1)!.position : undefined });
  };
}

const rowsOf = fc
  .array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 2 })), { maxLength: 40 })
  .map((entries): Rows => new Map(entries));

describe("the comparison of rows", () => {
  it("finds each difference once, ascending, whatever the pages", async () => {
    const sizes = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(rowsOf, rowsOf, sizes, sizes, sizes, async (ours, theirs, a, b, most) => {
        const comparison = new RowComparison(pagesOf(ours, a), pagesOf(theirs, b));
        const found: [number, string][] = [];
        for (;;) {
          const differing = await comparison.next(most);
          found.push(...differing.map(({ position, side }): [number, string] => [position[15]!, side]));
          if (differing.length < most) break;
        }
        const wanted = Array.from({ length: 61 }, (_, n): [number, string][] => {
          if (ours.get(n) === theirs.get(n)) return [];
          return [[n, ours.has(n) ? (theirs.has(n) ? "both" : "ours") : "theirs"]];
        }).flat();
        expect(found).to.deep.equal(wanted);
        expect(comparison.rowsCompared).to.equal(ours.size + theirs.size);
      }),
    );
  });

  it("reads each page once, also where one side has far more rows", async () => {
    const many: Rows = new Map(Array.from({ length: 500 }, (_, n) => [n, 0]));
    const asked: number[] = [];
    const comparison = new RowComparison(pagesOf(many, 50), pagesOf(new Map([[499, 0]]), 50, asked));
    expect((await comparison.next(1_000)).length).to.equal(499);
    expect(asked).to.deep.equal([-1]);
  });

  it("stops where a peer's list does not go on", async () => {
    const stuck: ReadPage = () => Promise.resolve({ rows: [], next: bytes(7) });
    const comparison = new RowComparison(pagesOf(new Map(), 5), stuck);
    const failure = await comparison.next(1).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(String(failure)).to.include("does not go on");
  });
});
