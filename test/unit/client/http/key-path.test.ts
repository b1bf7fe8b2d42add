import { expect } from "chai";
import * as fc from "fast-check";
import { keyPath } from "../../../../client/http/key-path.ts";
import { BadRequest } from "../../../../node/http/bad-request.ts";
import { parseKvTarget } from "../../../../node/http/kv-target.ts";

describe("keyPath", () => {
  it("arrives at a node as the same bytes, whatever they are", () => {
    const name = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: 1, maxLength });
    fc.assert(
      fc.property(name(255), name(1024), (bucket, key) => {
        const target = parseKvTarget(keyPath(bucket, key));
        if (target instanceof BadRequest) throw new Error(target.message);
        expect(Buffer.compare(target.bucket, bucket)).to.equal(0);
        expect(Buffer.compare(target.key, key)).to.equal(0);
      }),
    );
  });

  it("leaves readable names readable, and encodes names that are only dots", () => {
    expect(keyPath("carts", "user-1.json")).to.equal("/v1/kv/carts/user-1.json");
    expect(keyPath(".", "..")).to.equal("/v1/kv/%2E/%2E%2E");
  });
});
