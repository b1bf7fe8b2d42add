import { expect } from "chai";
import fc from "fast-check";
import {
  type Coverage,
  covers,
  emptyCoverage,
  highestOf,
  includes,
  isEmptyCoverage,
  join,
  sameCoverage,
  withDot,
} from "../../../../../node/core/version/coverage.ts";
import { encodeCoverage, readCoverage } from "../../../../../node/core/version/coverage-codec.ts";
import { type Dot, parseActorId } from "../../../../../node/core/version/dot.ts";
import { writeDot } from "../../../../../node/core/version/dot-codec.ts";
import { ByteReader, MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { ByteWriter } from "../../../../../node/core/bytes/byte-writer.ts";

const ACTORS = ["00000000000000aa#9", "00000000000000aa#10", "00000000000000bb#1"].map(parseActorId);
const N_MAX = 8;
const everyDot: Dot[] = ACTORS.flatMap((actor) =>
  Array.from({ length: N_MAX }, (_, i) => ({ actor, n: i + 1 })),
);

const someDots = fc.subarray(everyDot);
const shuffledDots = fc.shuffledSubarray(everyDot);
const coverages = shuffledDots.map(coverageOf);

function coverageOf(dots: readonly Dot[]): Coverage {
  return dots.reduce(withDot, emptyCoverage);
}

/** By its bytes: a coverage is canonical, so the same set of dots has the same bytes. */
function bytesOf(coverage: Coverage): string {
  return Buffer.from(encodeCoverage(coverage)).toString("hex");
}

function contentOf(coverage: Coverage): Dot[] {
  return everyDot.filter((dot) => covers(coverage, dot));
}

function expectCanonical(coverage: Coverage): void {
  for (const [actor, n] of coverage.vector) expect(n, actor).to.be.greaterThan(0);
  for (const [actor, counters] of coverage.loose) {
    expect(counters, actor).to.not.be.empty;
    expect(counters[0], actor).to.be.greaterThan((coverage.vector.get(actor) ?? 0) + 1);
    expect(counters, actor).to.deep.equal([...new Set(counters)].sort((a, b) => a - b));
  }
}

describe("coverage", () => {
  it("covers exactly the dots that were added, in whatever order", () => {
    fc.assert(
      fc.property(shuffledDots, (dots) => {
        const coverage = coverageOf(dots);
        expect(contentOf(coverage)).to.deep.equal(everyDot.filter((dot) => dots.includes(dot)));
        expectCanonical(coverage);
      }),
    );
  });

  it("has one form for one set of dots", () => {
    fc.assert(
      fc.property(shuffledDots, someDots, (dots, first) => {
        const reordered = [...dots].sort((a, b) => Number(first.includes(b)) - Number(first.includes(a)));
        expect(bytesOf(coverageOf(reordered))).to.equal(bytesOf(coverageOf(dots)));
      }),
    );
  });

  it("joins to the union", () => {
    fc.assert(
      fc.property(coverages, coverages, (left, right) => {
        const joined = join(left, right);
        const union = everyDot.filter((dot) => covers(left, dot) || covers(right, dot));
        expect(contentOf(joined)).to.deep.equal(union);
        expectCanonical(joined);
      }),
    );
  });

  it("joins commutatively, associatively and idempotently, and the empty coverage adds nothing", () => {
    fc.assert(
      fc.property(coverages, coverages, coverages, (a, b, c) => {
        expect(bytesOf(join(a, b))).to.equal(bytesOf(join(b, a)));
        expect(bytesOf(join(join(a, b), c))).to.equal(bytesOf(join(a, join(b, c))));
        expect(bytesOf(join(a, a))).to.equal(bytesOf(a));
        expect(bytesOf(join(a, emptyCoverage))).to.equal(bytesOf(a));
      }),
    );
  });

  it("leaves what it joins unchanged", () => {
    fc.assert(
      fc.property(coverages, coverages, fc.constantFrom(...everyDot), (a, b, dot) => {
        const before = [bytesOf(a), bytesOf(b)];
        withDot(join(a, b), dot);
        expect([bytesOf(a), bytesOf(b)]).to.deep.equal(before);
      }),
    );
  });

  it("includes another exactly where it covers each of its dots", () => {
    fc.assert(
      fc.property(coverages, coverages, (outer, inner) => {
        const subset = contentOf(inner).every((dot) => covers(outer, dot));
        expect(includes(outer, inner)).to.equal(subset);
        expect(includes(join(outer, inner), inner)).to.equal(true);
        expect(sameCoverage(outer, inner)).to.equal(bytesOf(outer) === bytesOf(inner));
      }),
    );
  });

  it("knows the highest counter of an actor, loose or not", () => {
    fc.assert(
      fc.property(shuffledDots, fc.constantFrom(...ACTORS), (dots, actor) => {
        const highest = Math.max(0, ...dots.filter((dot) => dot.actor === actor).map(({ n }) => n));
        expect(highestOf(coverageOf(dots), actor)).to.equal(highest);
      }),
    );
  });

  it("is empty only without dots", () => {
    fc.assert(
      fc.property(shuffledDots, (dots) => {
        expect(isEmptyCoverage(coverageOf(dots))).to.equal(dots.length === 0);
      }),
    );
  });

  it("comes back from its bytes, with its actors in the order of their text", () => {
    fc.assert(
      fc.property(coverages, (coverage) => {
        const reader = new ByteReader(encodeCoverage(coverage));
        const decoded = readCoverage(reader);
        reader.end();
        expect(bytesOf(decoded)).to.equal(bytesOf(coverage));
        expect([...decoded.vector.keys()]).to.deep.equal([...coverage.vector.keys()].sort());
      }),
    );
  });

  it("is refused with actors or loose dots out of order or twice, and with a loose dot that belongs into the vector", () => {
    const [ten, nine] = [ACTORS[1]!, ACTORS[0]!];
    const vectors: Dot[][] = [
      [
        { actor: nine, n: 1 },
        { actor: ten, n: 1 },
      ],
      [
        { actor: ten, n: 1 },
        { actor: ten, n: 2 },
      ],
    ];
    for (const vector of vectors)
      expect(() => readCoverage(written(vector, []))).to.throw(MalformedBytes, "ascending");
    const looseDots: Dot[][] = [
      [
        { actor: nine, n: 5 },
        { actor: ten, n: 5 },
      ],
      [
        { actor: nine, n: 5 },
        { actor: nine, n: 5 },
      ],
      [
        { actor: nine, n: 5 },
        { actor: nine, n: 4 },
      ],
    ];
    for (const loose of looseDots)
      expect(() => readCoverage(written([], loose))).to.throw(MalformedBytes, "ascending");
    for (const n of [1, 2, 3]) {
      const coverage = () => readCoverage(written([{ actor: nine, n: 2 }], [{ actor: nine, n }]));
      expect(coverage, String(n)).to.throw(MalformedBytes, "belongs into the vector");
    }
    expect(
      covers(readCoverage(written([{ actor: nine, n: 2 }], [{ actor: nine, n: 4 }])), { actor: nine, n: 4 }),
    ).to.equal(true);
  });
});

function written(vector: readonly Dot[], loose: readonly Dot[]): ByteReader {
  const writer = new ByteWriter().varint(vector.length);
  for (const dot of vector) writeDot(writer, dot);
  writer.varint(loose.length);
  for (const dot of loose) writeDot(writer, dot);
  return new ByteReader(writer.finish());
}
