import { expect } from "chai";
import fc from "fast-check";
import {
  BLOCK_COUNT,
  blockOf,
  boundOf,
  leafOf,
  LEAVES_PER_BLOCK,
} from "../../../../../node/core/merkle/leaf.ts";
import { LEAF_COUNT } from "../../../../../node/core/ports/merkle-store.ts";
import { partitionOf } from "../../../../../node/core/ring/position.ts";

const position = fc.uint8Array({ minLength: 16, maxLength: 16 });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("leaf", () => {
  it("is the top 18 bits of a position", () => {
    fc.assert(
      fc.property(position, (bytes) => {
        const top = BigInt(`0x${hex(bytes)}`) >> 110n;
        expect(leafOf(bytes)).to.equal(Number(top));
      }),
    );
  });

  it("lies in the block that is the partition of a ring of 256", () => {
    fc.assert(
      fc.property(position, (bytes) => {
        expect(blockOf(leafOf(bytes))).to.equal(partitionOf(bytes, BLOCK_COUNT));
      }),
    );
    expect(BLOCK_COUNT * LEAVES_PER_BLOCK).to.equal(LEAF_COUNT);
  });

  it("has bounds between which its positions lie, and no others", () => {
    const leafOrEdge = fc.oneof(
      fc.nat(LEAF_COUNT - 1),
      fc.constantFrom(0, 1, 3, 4, 1_023, 1_024, LEAF_COUNT - 1),
    );
    const filler = fc.oneof(position, fc.constantFrom(new Uint8Array(16), new Uint8Array(16).fill(0xff)));
    fc.assert(
      fc.property(leafOrEdge, leafOrEdge, filler, (leaf, other, rest) => {
        const inside = rest.slice();
        inside[0] = leaf >> 10;
        inside[1] = (leaf >> 2) & 0xff;
        inside[2] = ((leaf & 3) << 6) | (rest[2]! & 0x3f);
        const isBetween = hex(inside) > hex(boundOf(other)) && hex(inside) < hex(boundOf(other + 1));
        expect(leafOf(inside)).to.equal(leaf);
        expect(isBetween).to.equal(leaf === other);
      }),
    );
  });
});
