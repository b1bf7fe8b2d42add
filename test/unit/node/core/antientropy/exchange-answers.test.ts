import { expect } from "chai";
import fc from "fast-check";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import {
  type AnswerKind,
  type Answers,
  decodeAnswer,
  encodeAnswer,
  encodeDeclined,
} from "../../../../../node/core/antientropy/exchange-answers.ts";
import { parseActorId } from "../../../../../node/core/version/dot.ts";

const bytes = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const actor = parseActorId("00000000000000aa#1");

const answers: { readonly [K in AnswerKind]: Answers[K] } = {
  roots: { differing: [0, 7, 65_535] },
  leaves: {
    leaves: [
      { leaf: 3, hash: bytes(1) },
      { leaf: 4, hash: bytes(2) },
    ],
  },
  rows: {
    rows: [
      { position: bytes(1), digest: bytes(9) },
      { position: bytes(2), digest: bytes(8) },
    ],
    next: bytes(2),
  },
  versions: {
    positionsRead: 3,
    corrupt: [2],
    found: [
      {
        index: 1,
        coverage: { vector: new Map([[actor, 2]]), loose: new Map([[actor, [4]]]) },
        dots: [
          { actor, n: 2 },
          { actor, n: 4 },
        ],
      },
    ],
  },
  records: { positionsRead: 256, corrupt: [], found: [{ index: 255, digest: bytes(3), record: bytes(4) }] },
};
const kinds = Object.keys(answers) as AnswerKind[];

describe("answers of an exchange", () => {
  for (const kind of kinds) {
    it(`are read as they were written: ${kind}`, () => {
      expect(decodeAnswer(kind, encodeAnswer(kind, answers[kind]))).to.deep.equal({
        status: "ok",
        body: answers[kind],
      });
    });

    it(`are refused or read, whatever the bytes: ${kind}`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (tail) => {
          for (const body of [tail, Uint8Array.of(0, ...tail)]) {
            try {
              decodeAnswer(kind, body);
            } catch (error) {
              expect(error).to.be.instanceOf(MalformedBytes);
            }
          }
        }),
      );
    });
  }

  it("carry why there is none, cut to a bound", () => {
    const busy = encodeDeclined({ status: "busy", message: "later" });
    expect(decodeAnswer("rows", busy)).to.deep.equal({ status: "busy", message: "later" });
    expect(encodeDeclined({ status: "failed", message: "x".repeat(10_000) }).length).to.be.lessThan(1_100);
  });

  it("are refused where they speak of positions that were not looked at", () => {
    const beyond = { ...answers.records, positionsRead: 255 };
    expect(() => decodeAnswer("records", encodeAnswer("records", beyond))).to.throw(MalformedBytes);
    const none = { positionsRead: 0, corrupt: [], found: [] };
    expect(() => decodeAnswer("records", encodeAnswer("records", none))).to.throw(MalformedBytes);
  });

  it("are refused where rows are out of order", () => {
    const { rows } = answers.rows;
    const backwards = encodeAnswer("rows", { rows: [...rows].reverse(), next: undefined });
    expect(() => decodeAnswer("rows", backwards)).to.throw(MalformedBytes, "not ascending");
  });
});
