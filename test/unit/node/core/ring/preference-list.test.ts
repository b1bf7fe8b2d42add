import { expect } from "chai";
import fc from "fast-check";
import { preferenceLists } from "../../../../../node/core/ring/preference-list.ts";
import type { Ring, RingMember } from "../../../../../node/core/ring/ring.ts";
import { member, membersOf, nodeId, ringOf } from "./made-ring.ts";

/** The definition, step by step: what the implementation has to equal. */
function listByWalking(ring: Ring, partition: number): { owners: string[]; fallbacks: string[] } {
  const { replicas } = ring.parameters;
  const walk: RingMember[] = [];
  for (let i = 0; i < ring.owners.length; i++) {
    const met = ring.members[ring.owners[(partition + i) % ring.owners.length]!]!;
    if (!walk.includes(met)) walk.push(met);
  }
  for (const other of ring.members) if (!walk.includes(other)) walk.push(other);
  const owners: RingMember[] = [];
  for (const met of walk) {
    if (owners.length < replicas && !owners.some(({ zone }) => zone === met.zone)) owners.push(met);
  }
  for (const met of walk) if (owners.length < replicas && !owners.includes(met)) owners.push(met);
  return {
    owners: owners.map(({ id }) => id),
    fallbacks: walk.filter((met) => !owners.includes(met)).map(({ id }) => id),
  };
}

const rings = fc
  .record({
    count: fc.integer({ min: 1, max: 9 }),
    zones: fc.integer({ min: 0, max: 5 }),
    replicas: fc.integer({ min: 1, max: 5 }),
  })
  .chain(({ count, zones, replicas }) =>
    fc
      .array(fc.nat({ max: count - 1 }), { minLength: 8, maxLength: 8 })
      .map((owners) => ringOf({ members: membersOf(count, zones), owners, replicas })),
  );

describe("preferenceLists", () => {
  it("equals the walk clockwise for any owners, also repeated ones and members that own nothing", () => {
    fc.assert(
      fc.property(rings, (ring) => {
        const lists = preferenceLists(ring);
        const walked = lists.map((_, partition) => ({ partition, ...listByWalking(ring, partition) }));
        expect(lists).to.deep.equal(walked);
      }),
      { numRuns: 500 },
    );
  });

  it("finds the fallbacks of a partition when they are first asked for, and once", () => {
    let walks = 0;
    const members = membersOf(8);
    members.forEach = (...args) => (walks++, Array.prototype.forEach.apply(members, args));
    const lists = preferenceLists(ringOf({ members, owners: [0, 1, 2, 3, 4, 5, 6, 7] }));
    expect(walks, "while the lists are made").to.equal(0);
    const [list] = lists;
    expect(list!.fallbacks).to.equal(list!.fallbacks);
    expect(walks).to.equal(1);
  });

  it("wraps around: the last partition's list goes on at the first partition", () => {
    const ring = ringOf({ members: membersOf(8), owners: [0, 1, 2, 3, 4, 5, 6, 7] });
    expect(preferenceLists(ring)[7]).to.deep.equal({
      partition: 7,
      owners: [7, 0, 1].map(nodeId),
      fallbacks: [2, 3, 4, 5, 6].map(nodeId),
    });
  });

  it("steps over a node of a zone that is taken, and offers it first as a fallback", () => {
    const members = [member(0, "a"), member(1, "a"), member(2, "b"), member(3, "c")];
    const ring = ringOf({ members, owners: [0, 1, 2, 3, 0, 1, 2, 3] });
    const [list] = preferenceLists(ring);
    expect(list!.owners).to.deep.equal([0, 2, 3].map(nodeId));
    expect(list!.fallbacks).to.deep.equal([1].map(nodeId));
  });

  it("takes nodes of repeated zones in walk order once the zones run out", () => {
    const members = [member(0, "a"), member(1, "a"), member(2, "a"), member(3, "b")];
    const ring = ringOf({ members, owners: [0, 1, 2, 3, 0, 1, 2, 3] });
    expect(preferenceLists(ring)[0]!.owners).to.deep.equal([0, 3, 1].map(nodeId));
  });

  it("names every member once in each list of a claimed ring", () => {
    const ring = ringOf({ members: membersOf(100, 3) });
    for (const { owners, fallbacks } of preferenceLists(ring)) {
      expect(owners).to.have.length(3);
      expect(new Set([...owners, ...fallbacks]).size).to.equal(100);
    }
  });

  it("gives each member of a claimed ring N/S of the copies, within a tenth from four members on", () => {
    for (const count of [4, 5, 8, 16]) {
      const copies = preferenceLists(ringOf({ members: membersOf(count) })).flatMap(({ owners }) => owners);
      for (const { id } of membersOf(count)) {
        const kept = copies.filter((owner) => owner === id).length;
        expect(kept / ((256 * 3) / count), `${count} members`).to.be.within(0.9, 1.1);
      }
    }
  });
});
