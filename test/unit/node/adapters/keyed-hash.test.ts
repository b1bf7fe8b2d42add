import { expect } from "chai";
import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { ClusterSecret } from "../../../../node/adapters/cluster-secret.ts";
import { KeyedHash } from "../../../../node/adapters/keyed-hash.ts";

describe("keyed hash", () => {
  it("is HMAC-SHA-256 cut to 16 bytes, for keys and texts of any length", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 200 }),
        fc.array(
          fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 4_090, maxLength: 4_100 })),
          {
            maxLength: 4,
          },
        ),
        (key, texts) => {
          const hash = new KeyedHash(
            new ClusterSecret([{ id: 3, bytes: key, retiredMs: undefined }], Date.now),
          );
          for (const text of texts) {
            const expected = createHmac("sha256", key).update(text).digest().subarray(0, 16);
            expect(Buffer.from(hash.mac(3, text)!).toString("hex")).to.equal(expected.toString("hex"));
          }
        },
      ),
    );
  });

  it("knows no tag of a key that is unknown or was retired too long ago", () => {
    const bytes = new Uint8Array(16);
    const keys = [
      { id: 1, bytes, retiredMs: undefined },
      { id: 2, bytes: new Uint8Array(16).fill(2), retiredMs: 0 },
    ];
    let nowMs = 0;
    const hash = new KeyedHash(new ClusterSecret(keys, () => nowMs));
    expect(hash.currentKeyId()).to.equal(1);
    expect(hash.mac(2, bytes)).to.have.length(16);
    nowMs = 31 * 24 * 60 * 60 * 1000;
    expect(hash.mac(2, bytes)).to.equal(undefined);
    expect(hash.mac(9, bytes)).to.equal(undefined);
  });

  it("answers MD5 beside it", () => {
    const hash = new KeyedHash(
      new ClusterSecret([{ id: 1, bytes: new Uint8Array(16), retiredMs: undefined }], Date.now),
    );
    const expected = createHash("md5").update("cart").digest("hex");
    expect(Buffer.from(hash.md5(new TextEncoder().encode("cart"))).toString("hex")).to.equal(expected);
  });
});
