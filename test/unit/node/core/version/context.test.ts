import { createHash, createHmac } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import type { Hash } from "../../../../../node/core/ports/hash.ts";
import { ByteWriter } from "../../../../../node/core/bytes/byte-writer.ts";
import {
  CONTEXT_BYTES_MAX,
  type ContextScope,
  openContext,
  sealContext,
} from "../../../../../node/core/version/context.ts";
import {
  type Coverage,
  emptyCoverage,
  sameCoverage,
  withDot,
} from "../../../../../node/core/version/coverage.ts";
import { encodeCoverage } from "../../../../../node/core/version/coverage-codec.ts";
import { type Dot, parseActorId } from "../../../../../node/core/version/dot.ts";
import { bytesOf, type ContextMeaning, coverageOf, goldenFiles } from "./golden-files.ts";

/** Tags with the given secrets by key id; the last of them is the current one. */
function hashWith(...secrets: readonly (readonly [number, Uint8Array])[]): Hash {
  const byId = new Map(secrets);
  return {
    md5: (bytes) => createHash("md5").update(bytes).digest(),
    mac: (keyId, bytes) => {
      const secret = byId.get(keyId);
      if (secret === undefined) return undefined;
      return createHmac("sha256", secret).update(bytes).digest().subarray(0, 16);
    },
    currentKeyId: () => secrets.at(-1)![0],
  };
}

const oldKey = [1, bytesOf("utf8:the old secret")] as const;
const newKey = [2, bytesOf("utf8:the new secret")] as const;
const hash = hashWith(newKey);
const scope: ContextScope = { clusterId: "a-cluster", position: new Uint8Array(16).fill(9) };
const actor = parseActorId("0123456789abcdef#1");
const seen: Coverage = [1, 2, 5].reduce((coverage, n) => withDot(coverage, { actor, n }), emptyCoverage);
const context = sealContext(seen, scope, hash);

function opened(bytes: Uint8Array, at: ContextScope, by: Hash): Coverage {
  const result = openContext(bytes, at, by);
  if (!result.ok) throw new Error(`refused: ${result.code}: ${result.message}`);
  return result.coverage;
}

function refusal(bytes: Uint8Array, at = scope, by = hash): { code: string; message: string } {
  const result = openContext(bytes, at, by);
  if (result.ok) throw new Error("was not refused");
  return { code: result.code, message: result.message };
}

describe("golden contexts", () => {
  const goldens = goldenFiles<ContextMeaning>("context");

  it("cover a get's and a put's", () => {
    expect(goldens.map(({ name }) => name)).to.deep.equal(["context-get", "context-put"]);
  });

  for (const { name, bytes, meaning } of goldens) {
    const secret = hashWith([meaning.keyId, bytesOf(meaning.secret)]);
    const where = { clusterId: meaning.clusterId, position: bytesOf(meaning.position) };

    it(`${name}.bin is what ${name}.json seals to: ${meaning.about}`, () => {
      expect(Buffer.from(sealContext(coverageOf(meaning), where, secret)).toString("hex")).to.equal(
        Buffer.from(bytes).toString("hex"),
      );
    });

    it(`${name}.bin opens to what ${name}.json says`, () => {
      expect(sameCoverage(opened(bytes, where, secret), coverageOf(meaning))).to.equal(true);
    });
  }
});

describe("a context", () => {
  it("opens to the coverage it was sealed with", () => {
    const dots: fc.Arbitrary<Dot[]> = fc.array(
      fc.record({ actor: fc.constant(actor), n: fc.integer({ min: 1, max: 9 }) }),
    );
    fc.assert(
      fc.property(dots, (some) => {
        const coverage = some.reduce(withDot, emptyCoverage);
        expect(opened(sealContext(coverage, scope, hash), scope, hash)).to.deep.equal(coverage);
      }),
    );
  });

  it("is refused with any one bit flipped", () => {
    for (let bit = 0; bit < context.length * 8; bit++) {
      const forged = context.slice();
      forged[bit >> 3]! ^= 1 << (bit & 7);
      refusal(forged);
    }
  });

  it("is refused when cut anywhere, and with a byte too many", () => {
    for (let length = 1; length < context.length; length++) refusal(context.subarray(0, length));
    refusal(new Uint8Array([...context, 0]));
  });

  it("is refused with a coverage of the client's own making", () => {
    const forged = encodeCoverage({ vector: new Map([[actor, 1_000_000]]), loose: new Map() });
    const header = context.subarray(0, 18);
    expect(refusal(new Uint8Array([...header, ...forged])).code).to.equal("context_mismatch");
  });

  it("of another key or another cluster is refused, and the answer says to read again", () => {
    const elsewhere = [
      { ...scope, position: new Uint8Array(16).fill(8) },
      { ...scope, clusterId: "b-cluster" },
    ];
    for (const other of elsewhere) {
      const { code, message } = refusal(context, other);
      expect(code).to.equal("context_mismatch");
      expect(message).to.match(/another key or cluster; read the key again/);
    }
  });

  it("opens under a key that is no longer the current one, until that key is retired", () => {
    const sealedBefore = sealContext(seen, scope, hashWith(oldKey));
    expect(opened(sealedBefore, scope, hashWith(oldKey, newKey))).to.deep.equal(seen);
    expect(refusal(sealedBefore, scope, hashWith(newKey))).to.deep.equal({
      code: "invalid_context",
      message: "context is not valid: made with a key that is unknown or retired; read the key again",
    });
  });

  it("is refused where another secret has the same key id", () => {
    expect(refusal(context, scope, hashWith([newKey[0], oldKey[1]])).code).to.equal("context_mismatch");
  });

  it("that is absent covers nothing", () => {
    expect(opened(new Uint8Array(0), scope, hash)).to.deep.equal(emptyCoverage);
  });

  it("is refused by its length before it is hashed", () => {
    const broken: Hash = { ...hash, mac: () => expect.fail("hashed") };
    expect(refusal(new Uint8Array(CONTEXT_BYTES_MAX + 1).fill(1), scope, broken).message).to.match(
      /longer than 65536/,
    );
  });

  it("of another version is refused", () => {
    const later = context.slice();
    later[0] = 2;
    expect(refusal(later)).to.deep.equal({
      code: "invalid_context",
      message: "context is not valid: version 2 is not known",
    });
  });

  it("is refused where its tag is right and its coverage is not canonical", () => {
    const body = new Uint8Array([0, 0, 0]);
    const tagged = new ByteWriter().u8(1).text(scope.clusterId).raw(scope.position).raw(body).finish();
    const sealed = new Uint8Array([1, 2, ...hash.mac(2, tagged)!, ...body]);
    expect(refusal(sealed).code).to.equal("invalid_context");
  });

  it("cannot be sealed by a node that has no secret for its current key", () => {
    expect(() => sealContext(seen, scope, { ...hash, currentKeyId: () => 9 })).to.throw("current key id 9");
  });
});
