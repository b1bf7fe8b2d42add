import { expect } from "chai";
import fc from "fast-check";
import { ByteReader, MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { ByteWriter } from "../../../../../node/core/bytes/byte-writer.ts";
import {
  type Question,
  readQuestion,
  writeQuestion,
} from "../../../../../node/core/antientropy/exchange-questions.ts";
import { LEAF_COUNT } from "../../../../../node/core/ports/merkle-store.ts";

const ring = { epoch: 7, digest: "0123456789abcdef0123456789abcdef" };

function encoded(question: Question): Uint8Array {
  const writer = new ByteWriter();
  writeQuestion(writer, question);
  return writer.finish();
}

const position = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const asked: Question[] = [
  { kind: "roots", ring, roots: [position(1), position(0)] },
  { kind: "roots", ring, partitions: [3, 255], roots: [position(1), position(0)] },
  {
    kind: "leaves",
    ring,
    ranges: [
      { first: 0, count: 1_000 },
      { first: LEAF_COUNT - 24, count: 24 },
    ],
  },
  { kind: "rows", ring, leaves: [0, 1, 5, LEAF_COUNT - 1], after: undefined },
  { kind: "rows", ring, leaves: [3], after: position(9) },
  { kind: "versions", ring, positions: [position(1), position(2)] },
  { kind: "records", ring, positions: [position(1)] },
];

describe("questions of an exchange", () => {
  for (const question of asked) {
    it(`are read as they were written: ${question.kind}`, () => {
      expect(readQuestion(new ByteReader(encoded(question)))).to.deep.equal(question);
    });
  }

  const abuses: [string, Question][] = [
    ["too many leaves", { kind: "leaves", ring, ranges: [{ first: 0, count: 1_025 }] }],
    [
      "ranges that overlap",
      {
        kind: "leaves",
        ring,
        ranges: [
          { first: 0, count: 2 },
          { first: 1, count: 2 },
        ],
      },
    ],
    ["other roots than partitions", { kind: "roots", ring, partitions: [3, 4], roots: [position(1)] }],
    ["roots of no partition", { kind: "roots", ring, partitions: [], roots: [] }],
    ["an empty range", { kind: "leaves", ring, ranges: [{ first: 0, count: 0 }] }],
    ["leaves beyond the last", { kind: "leaves", ring, ranges: [{ first: LEAF_COUNT - 1, count: 2 }] }],
    ["a leaf that does not exist", { kind: "rows", ring, leaves: [LEAF_COUNT], after: undefined }],
    ["no leaf", { kind: "rows", ring, leaves: [], after: undefined }],
    ["no position", { kind: "records", ring, positions: [] }],
    ["positions out of order", { kind: "records", ring, positions: [position(2), position(1)] }],
    ["one position twice", { kind: "versions", ring, positions: [position(2), position(2)] }],
    [
      "too many positions",
      { kind: "records", ring, positions: Array.from({ length: 257 }, () => position(1)) },
    ],
    [
      "a digest without end",
      { kind: "roots", ring: { epoch: 1, digest: "x".repeat(65) }, roots: [position(1)] },
    ],
  ];
  for (const [what, question] of abuses) {
    it(`are refused with ${what}`, () => {
      expect(() => readQuestion(new ByteReader(encoded(question)))).to.throw(MalformedBytes);
    });
  }

  it("are refused or read, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.uint8Array({ maxLength: 80 }), (kind, bytes) => {
        for (const body of [bytes, Uint8Array.of(kind, 1, 0, ...bytes)]) {
          try {
            readQuestion(new ByteReader(body));
          } catch (error) {
            expect(error).to.be.instanceOf(MalformedBytes);
          }
        }
      }),
    );
  });
});
