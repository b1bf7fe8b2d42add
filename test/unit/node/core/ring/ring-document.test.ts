import { expect } from "chai";
import fc from "fast-check";
import { md5Digester } from "../../../../../node/adapters/md5.ts";
import { RingInvalid } from "../../../../../node/core/ring/ring-check.ts";
import { formedRing, parseRing, ringBytes, ringDigest } from "../../../../../node/core/ring/ring-document.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { membersOf, nodeId, ringOf } from "./made-ring.ts";

const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const small = ringOf({ members: membersOf(2, 2), owners: [0, 1, 0, 1, 0, 1, 0, 1], replicas: 2 });

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, part]) => [name, reversed(part)]),
  );
}

describe("ring document", () => {
  it("has these canonical bytes and this digest, for ever", () => {
    expect(textOf(ringBytes(small))).to.equal(
      '{"format":1,"clusterId":"test","generation":0,"epoch":1,' +
        '"parameters":{"partitions":8,"replicas":2,"hash":"md5","leafFormat":1},"featureLevel":1,' +
        '"members":[{"id":"00000000-0000-4000-8000-000000000000","zone":"zone-0","state":"active"},' +
        '{"id":"00000000-0000-4000-8000-000000000001","zone":"zone-1","state":"active"}],' +
        '"owners":[0,1,0,1,0,1,0,1],"change":null}',
    );
    expect(ringDigest(small, md5Digester)).to.equal("2dfdafde09e9a4344343ce98fe20cf66");
  });

  it("comes back from its bytes unchanged", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 4 }), (count, zones) => {
        const ring = ringOf({ members: membersOf(count, zones), partitions: 64 });
        expect(parseRing(ringBytes(ring))).to.deep.equal(ring);
      }),
      { numRuns: 30 },
    );
  });

  it("has a digest that does not depend on the order of fields, but does on every value", () => {
    const other = reversed(small) as Ring;
    expect(ringDigest(other, md5Digester)).to.equal(ringDigest(small, md5Digester));
    expect(ringDigest({ ...small, epoch: 2 }, md5Digester)).to.not.equal(ringDigest(small, md5Digester));
    const [first, second] = small.members;
    const moved = { ...small, members: [first!, { ...second!, zone: "elsewhere" }] };
    expect(ringDigest(moved, md5Digester)).to.not.equal(ringDigest(small, md5Digester));
  });

  it("keeps fields it does not know, in the ring, its members, its parameters and its change", () => {
    const newer = {
      future: { b: [{ z: 1, a: 2 }], a: "x" },
      ...small,
      parameters: { ...small.parameters, compression: "zstd" },
      members: small.members.map((listed) => ({ ...listed, weight: 3 })),
      change: { changeId: "c", type: "join", phase: "moving", nextOwners: small.owners, moved: 7 },
    };
    const read = parseRing(bytesOf(newer));
    expect(read).to.deep.equal(newer);
    expect(parseRing(ringBytes(read))).to.deep.equal(newer);
    expect(textOf(ringBytes(read))).to.match(/"future":\{"a":"x","b":\[\{"a":2,"z":1\}\]\}\}$/);
    expect(ringDigest(parseRing(bytesOf(reversed(newer))), md5Digester)).to.equal(
      ringDigest(read, md5Digester),
    );
  });

  it("is a pure function of the request to form it, whatever the order of the members", () => {
    const { parameters } = small;
    const members = membersOf(5, 3);
    const ring = formedRing({ clusterId: "cart", members, parameters });
    expect(ring).to.deep.include({
      format: 1,
      clusterId: "cart",
      generation: 0,
      epoch: 1,
      featureLevel: 1,
      change: null,
    });
    expect(ring.members).to.deep.equal(members);
    expect(formedRing({ clusterId: "cart", members: [...members].reverse(), parameters })).to.deep.equal(
      ring,
    );
  });

  describe("is refused, naming the field, where", () => {
    const [first, second] = small.members;
    const change = { changeId: "c", type: "join", phase: "moving", nextOwners: small.owners };
    const cases: readonly (readonly [string, string, object])[] = [
      ["its format is newer", "format", { format: 3 }],
      ["its cluster id has capitals", "clusterId", { clusterId: "Cart" }],
      ["its generation is negative", "generation", { generation: -1 }],
      ["its epoch is 0", "epoch", { epoch: 0 }],
      ["its epoch is a fraction", "epoch", { epoch: 1.5 }],
      ["its feature level is missing", "featureLevel", { featureLevel: undefined }],
      ["its parameters are missing", "parameters", { parameters: null }],
      [
        "Q is not a power of two",
        "parameters.partitions",
        { parameters: { ...small.parameters, partitions: 12 } },
      ],
      ["Q is too small", "parameters.partitions", { parameters: { ...small.parameters, partitions: 4 } }],
      ["N is too large", "parameters.replicas", { parameters: { ...small.parameters, replicas: 8 } }],
      ["its hash is another", "parameters.hash", { parameters: { ...small.parameters, hash: "sha1" } }],
      [
        "its leaf format is another",
        "parameters.leafFormat",
        { parameters: { ...small.parameters, leafFormat: 2 } },
      ],
      ["it has no members", "members", { members: [] }],
      ["a member has no UUID", "members[0].id", { members: [{ ...first, id: "node-1" }, second] }],
      ["a member is there twice", "members[1].id", { members: [first, first] }],
      ["members are out of order", "members[1].id", { members: [second, first] }],
      ["a member's zone is no text", "members[1].zone", { members: [first, { ...second, zone: 7 }] }],
      ["a member's state is unknown", "members[1].state", { members: [first, { ...second, state: "gone" }] }],
      ["an owner is missing", "owners", { owners: [0, 1] }],
      ["an owner is no member", "owners[2]", { owners: [0, 1, 2, 1, 0, 1, 0, 1] }],
      ["its change is no object", "change", { change: 7 }],
      ["its change has an unknown type", "change.type", { change: { ...change, type: "merge" } }],
      ["its next owners are too few", "change.nextOwners", { change: { ...change, nextOwners: [0] } }],
    ];
    for (const [title, field, fault] of cases) {
      it(title, () => {
        const read = (): Ring => parseRing(bytesOf({ ...small, ...fault }));
        expect(read).to.throw(RingInvalid, `ring document refused: ${field}:`).with.property("field", field);
      });
    }

    it("it is not JSON, not UTF-8, not an object or too long", () => {
      for (const bytes of [new Uint8Array(), new Uint8Array([0xff, 0x7b]), bytesOf([]), bytesOf(null)]) {
        expect(() => parseRing(bytes)).to.throw(RingInvalid, "document");
      }
      expect(() => parseRing(new Uint8Array(4 * 1024 * 1024 + 1))).to.throw(RingInvalid, "exceed");
    });

    it("any one byte of it is lost, unless what is left is a ring too", () => {
      const whole = ringBytes(small);
      for (let at = 0; at < whole.length; at++) {
        const cut = new Uint8Array([...whole.subarray(0, at), ...whole.subarray(at + 1)]);
        try {
          expect(ringDigest(parseRing(cut), md5Digester)).to.not.equal(ringDigest(small, md5Digester));
        } catch (error) {
          expect(error).to.be.instanceOf(RingInvalid);
        }
      }
    });
  });

  it("refuses to form a ring without members or with a member twice, before it claims anything", () => {
    const { parameters } = small;
    const id = nodeId(1);
    expect(() => formedRing({ clusterId: "c", members: [], parameters })).to.throw(
      RingInvalid,
      "names nobody",
    );
    const twice = [
      { id, zone: "" },
      { id, zone: "" },
    ];
    expect(() => formedRing({ clusterId: "c", members: twice, parameters })).to.throw(RingInvalid, "twice");
  });
});
