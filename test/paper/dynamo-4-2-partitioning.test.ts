import { expect } from "chai";
import { md5Digester } from "../../node/adapters/md5.ts";
import { claim } from "../../node/core/ring/claim.ts";
import { partitionOf, positionOf } from "../../node/core/ring/position.ts";
import { preferenceLists } from "../../node/core/ring/preference-list.ts";
import { loadsOf, membersOf, ringOf } from "../unit/node/core/ring/made-ring.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (position: Uint8Array): string => Buffer.from(position).toString("hex");
const KEYS = Array.from({ length: 20_000 }, (_, n) => ({
  bucket: bytes("cart"),
  key: bytes(`customer-${n}`),
}));

describe("§4.2 Partitioning Algorithm", () => {
  it("§4.2 the output range of the hash is a ring: partitions are equal arcs and the largest position wraps to the smallest", () => {
    const at = (prefix: string): number => partitionOf(Buffer.from(prefix.padEnd(32, "0"), "hex"), 256);
    expect(at("0000")).to.equal(0);
    expect(at("00ff")).to.equal(0);
    expect(at("0100")).to.equal(1);
    expect(at("ffff")).to.equal(255);
    const ring = ringOf({ members: membersOf(5) });
    const last = preferenceLists(ring)[255]!;
    expect(last.owners.slice(1)).to.deep.equal(
      [0, 1].map((partition) => ring.members[ring.owners[partition]!]!.id),
    );
  });

  it("§4.2 each data item is assigned to a node by hashing its key: MD5 gives a 128-bit identifier", () => {
    const position = positionOf({ bucket: bytes("b"), key: bytes("k") }, md5Digester);
    expect(hex(position)).to.equal(
      Buffer.from(md5Digester.md5(new Uint8Array([1, 0x62, 0x6b]))).toString("hex"),
    );
    expect(position).to.have.length(16);
    const moved = positionOf({ bucket: bytes("bk"), key: bytes("") }, md5Digester);
    expect(hex(moved), "bucket and key do not run into each other").to.not.equal(hex(position));
  });

  it("§4.2 hashing spreads keys evenly: with 20,000 keys on ten nodes each has a tenth, within a tenth of that", () => {
    const members = membersOf(10);
    const owners = claim({ partitions: 256, replicas: 3, members });
    const keys = KEYS.map((key) => owners[partitionOf(positionOf(key, md5Digester), 256)]!);
    for (const load of loadsOf(keys, 10)) expect(load).to.be.within(1_800, 2_200);
  });

  it("§4.2 departure or arrival of a node affects only its share: with ten nodes nine tenths of the keys stay", () => {
    const before = claim({ partitions: 256, replicas: 3, members: membersOf(10) });
    const previousOwners = before.map((owner) => membersOf(10)[owner]!.id);
    const after = claim({ partitions: 256, replicas: 3, members: membersOf(11), previousOwners });
    const moved = KEYS.filter((key) => {
      const partition = partitionOf(positionOf(key, md5Digester), 256);
      return before[partition] !== after[partition];
    });
    expect(moved.length / KEYS.length).to.be.within(0.05, 0.11);
  });

  it("§4.2 virtual nodes: if a node becomes unavailable, its load is dispersed evenly across the remaining nodes", () => {
    const members = membersOf(8);
    const lists = preferenceLists(ringOf({ members }));
    const down = members[3]!.id;
    const inherited = lists.filter(({ owners }) => owners[0] === down).map(({ owners }) => owners[1]!);
    expect(inherited).to.have.length(32);
    const remaining = members.slice(0, 3).concat(members.slice(4));
    const previousOwners = lists.map(({ owners }) => owners[0]!);
    const after = claim({ partitions: 256, replicas: 3, members: remaining, previousOwners });
    for (const load of loadsOf(after, 7)) expect(load).to.be.within(36, 37);
  });

  it("§4.2 virtual nodes: a node that becomes available accepts a roughly equal amount from each of the others", () => {
    const members = membersOf(8);
    const before = claim({ partitions: 256, replicas: 3, members }).map((owner) => members[owner]!.id);
    const after = claim({ partitions: 256, replicas: 3, members: membersOf(9), previousOwners: before });
    const donated = members.map(
      ({ id }) => before.filter((owner, i) => owner === id && after[i] === 8).length,
    );
    for (const given of donated) expect(given).to.be.within(3, 4);
  });
});
