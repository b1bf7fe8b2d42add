import {
  decodeMerkleAnswer,
  decodeMerkleQuestion,
  encodeMerkleAnswer,
  encodeMerkleQuestion,
  type MerkleAnswers,
  type MerkleKind,
  type MerkleQuestion,
} from "../../../../../node/core/storage/merkle-codec.ts";
import { expect } from "chai";
import fc from "fast-check";
import { LEAF_COUNT } from "../../../../../node/core/ports/merkle-store.ts";
import { MalformedBytes } from "../../../../../node/core/bytes/byte-reader.ts";
import { sealedRow } from "../seal/arbitrary-sealed-row.ts";

const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });
const after = fc.option(sixteen, { nil: undefined });
const leaf = fc.nat(LEAF_COUNT - 1);
const status = fc.constant("read" as const);

const question: fc.Arbitrary<MerkleQuestion> = fc.oneof(
  fc.record({ kind: fc.constant("roots" as const), query: fc.nat(65_536) }),
  fc.record({
    kind: fc.constant("leaves" as const),
    query: fc.record({ first: leaf, count: fc.nat(1_024) }),
  }),
  fc.record({
    kind: fc.constant("rows" as const),
    query: fc.record({ leaves: fc.array(leaf), after, rowsMax: fc.nat() }),
  }),
  fc.record({
    kind: fc.constant("records" as const),
    query: fc.record({ positions: fc.array(sixteen), bytesMax: fc.nat() }),
  }),
  fc.record({ kind: fc.constant("verify" as const), query: fc.record({ after, rowsMax: fc.nat() }) }),
  fc.record({
    kind: fc.constant("sealable" as const),
    query: fc.record({ after: sixteen, before: fc.uint8Array({ maxLength: 17 }), rowsMax: fc.nat() }),
  }),
);

const answers: { readonly [K in MerkleKind]: fc.Arbitrary<MerkleAnswers[K]> } = {
  roots: fc.record({ status, partitions: fc.array(fc.record({ root: sixteen, keys: fc.nat() })) }),
  leaves: fc.record({
    status,
    leaves: fc.array(fc.record({ leaf, hash: sixteen })),
    rootsWrong: fc.array(leaf),
  }),
  rows: fc.record({ status, rows: fc.array(fc.record({ position: sixteen, digest: sixteen })), next: after }),
  records: fc.record({
    status,
    rows: fc.array(fc.record({ position: sixteen, digest: sixteen, record: fc.uint8Array() })),
    positionsRead: fc.nat(),
    corrupt: fc.array(sixteen),
  }),
  verify: fc.record({
    status,
    rowsChecked: fc.nat(),
    corrupt: fc.array(sixteen),
    leavesWrong: fc.array(leaf),
    next: after,
  }),
  sealable: fc.record({ status, rows: fc.array(sealedRow), next: after }),
};
const kinds = Object.keys(answers) as MerkleKind[];

describe("encodeMerkleQuestion", () => {
  it("gives back what decodeMerkleQuestion is given", () => {
    fc.assert(
      fc.property(question, (asked) => {
        expect(decodeMerkleQuestion(encodeMerkleQuestion(asked))).to.deep.equal(asked);
      }),
    );
  });

  it("refuses messages that are cut short or of another kind", () => {
    const message = encodeMerkleQuestion({ kind: "leaves", query: { first: 300, count: 5 } });
    expect(() => decodeMerkleQuestion(message.subarray(0, message.length - 1))).to.throw(MalformedBytes);
    for (const at of [0, 1]) {
      const other = message.slice();
      other[at] = 99;
      expect(() => decodeMerkleQuestion(other)).to.throw(MalformedBytes);
    }
  });
});

describe("encodeMerkleAnswer", () => {
  for (const kind of kinds) {
    it(`gives back what it is given of ${kind}, and why there is nothing`, () => {
      fc.assert(
        fc.property(answers[kind] as fc.Arbitrary<MerkleAnswers[typeof kind]>, (answer) => {
          expect(decodeMerkleAnswer(kind, encodeMerkleAnswer(kind, answer))).to.deep.equal(answer);
        }),
      );
      const failed = { status: "failed", message: "bad sector" } as const;
      expect(decodeMerkleAnswer(kind, encodeMerkleAnswer(kind, failed))).to.deep.equal(failed);
    });
  }
});
