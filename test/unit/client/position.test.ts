import { createHash } from "node:crypto";
import { expect } from "chai";
import * as fc from "fast-check";
import { partitionOf, positionOf } from "../../../client/position.ts";
import * as core from "../../../node/core/ring/position.ts";

describe("client position", () => {
  const hash = { md5: (bytes: Uint8Array): Uint8Array => createHash("md5").update(bytes).digest() };

  it("is the position that the nodes compute", () => {
    const name = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(name, name, (bucket, key) => {
        const ours = positionOf(bucket, key);
        expect(Buffer.from(ours).toString("hex")).to.equal(
          Buffer.from(core.positionOf({ bucket, key }, hash)).toString("hex"),
        );
        for (const count of [8, 256, 65_536])
          expect(partitionOf(ours, count)).to.equal(core.partitionOf(ours, count));
      }),
    );
  });

  it("is pinned by examples, since clients in other languages compute it too", () => {
    const hex = (bucket: string, key: string): string =>
      Buffer.from(positionOf(Buffer.from(bucket), Buffer.from(key))).toString("hex");
    expect(hex("carts", "alice")).to.equal(createHash("md5").update("\x05cartsalice").digest("hex"));
    expect(hex("b".repeat(200), "k")).to.equal(
      createHash("md5")
        .update(Buffer.from([0xc8, 0x01]))
        .update("b".repeat(200) + "k")
        .digest("hex"),
    );
  });
});
