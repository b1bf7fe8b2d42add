import { expect } from "chai";
import fc from "fast-check";
import { LeafChanges } from "../../../../../node/core/merkle/leaf-changes.ts";
import { LEAF_COUNT } from "../../../../../node/core/ports/merkle-store.ts";

const hash = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe("LeafChanges", () => {
  it("gives back what was added, also after its bytes were stored, copied or appended to", () => {
    const change = fc.record({ leaf: fc.nat(LEAF_COUNT - 1), keys: fc.integer({ min: -9, max: 9 }), hash });
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (first, second) => {
        const changes = new LeafChanges();
        for (const { leaf, keys, hash: xor } of first) changes.add(leaf, keys, xor);
        const loaded = new LeafChanges(changes.bytes());
        for (const { leaf, keys, hash: xor } of second) loaded.add(leaf, keys, xor);
        const copied = new LeafChanges();
        for (let i = 0; i < loaded.count; i++) copied.copyFrom(loaded, i);
        expect(listOf(copied)).to.deep.equal([...first, ...second]);
      }),
    );
  });

  it("holds the difference of two digests and of their rows", () => {
    const changes = new LeafChanges();
    const at = new Uint8Array(16).fill(0xff);
    const [a, b] = [new Uint8Array(16).fill(0x0f), new Uint8Array(16).fill(0x33)];
    changes.replaced(at, undefined, a);
    changes.replaced(at, a, b);
    changes.replaced(at, b, undefined);
    const leaf = LEAF_COUNT - 1;
    expect(listOf(changes)).to.deep.equal([
      { leaf, keys: 1, hash: a },
      { leaf, keys: 0, hash: new Uint8Array(16).fill(0x3c) },
      { leaf, keys: -1, hash: b },
    ]);
  });

  it("reads any bytes as changes of leaves that exist", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const changes = new LeafChanges(bytes);
        expect(changes.count).to.equal(Math.floor(bytes.length / 24));
        for (const { leaf } of listOf(changes)) expect(leaf).to.be.within(0, LEAF_COUNT - 1);
      }),
    );
  });
});

function listOf(changes: LeafChanges) {
  return Array.from({ length: changes.count }, (_, i) => {
    const xor = new Uint8Array(16);
    changes.xorInto(xor, 0, i);
    return { leaf: changes.leafAt(i), keys: changes.keysAt(i), hash: xor };
  });
}
