import { expect } from "chai";
import fc from "fast-check";
import {
  checkElasticRing,
  isAdmitted,
  isBeyondAdmission,
  remembersPromises,
  ringAt,
  standingOf,
  votersOf,
} from "../../../../../../node/core/ring/change/elastic-ring.ts";
import { preferenceLists } from "../../../../../../node/core/ring/preference-list.ts";
import { checkRing, RingInvalid } from "../../../../../../node/core/ring/ring-check.ts";
import { parseRing, ringBytes } from "../../../../../../node/core/ring/ring-document.ts";
import { member, membersOf, ringOf } from "../made-ring.ts";
import { join, leave, planned, ringAfter, scenes } from "./change-scenes.ts";
import { changed, raised, storeOf } from "./elastic-rings.ts";

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const small = raised(ringOf({ members: membersOf(2), owners: [0, 1, 0, 1, 0, 1, 0, 1], replicas: 2 }));
const [a, b] = small.members.map(({ id }) => id);

describe("elastic ring", () => {
  it("has these canonical bytes while a node joins, for ever", () => {
    const { transfer } = changed(small, join(member(2)));
    const listed = (n: number, state: string): string =>
      `{"id":"${member(n).id}","zone":"","state":"${state}","ringStore":"${storeOf(member(n).id)}"}`;
    const nextOwners = JSON.stringify(transfer.change!.nextOwners);
    expect(textOf(ringBytes(transfer))).to.equal(
      '{"format":2,"clusterId":"test","generation":0,"epoch":3,' +
        '"parameters":{"partitions":8,"replicas":2,"hash":"md5","leafFormat":1},"featureLevel":2,' +
        `"members":[${listed(0, "active")},${listed(1, "active")},${listed(2, "joining")}],` +
        '"owners":[0,1,0,1,0,1,0,1],' +
        `"change":{"changeId":"change-1","type":"join","phase":"transfer","nextOwners":${nextOwners}},` +
        '"acceptsFrom":3}',
    );
  });

  it("comes back from its bytes, and is refused by a release that knows format 1 only", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request }) => {
        for (const epoch of Object.values(changed(raised(ring), request))) {
          expect(parseRing(ringBytes(epoch))).to.deep.equal(epoch);
          expect(() => checkRing(epoch)).to.throw(RingInvalid, "upgrade this node");
        }
      }),
      { numRuns: 15 },
    );
  });

  it("has the owners of the ring before the change before it, and those of the ring it leads to after it", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request }) => {
        const settled = ringAfter(ring, planned(ring, request));
        const { transfer, flipped, ended, cancelled } = changed(raised(ring), request);
        for (const during of [transfer, flipped]) {
          expect(preferenceLists(ringAt(during, "before"))).to.deep.equal(preferenceLists(ring));
          expect(preferenceLists(ringAt(during, "after"))).to.deep.equal(preferenceLists(settled));
        }
        expect(preferenceLists(ended)).to.deep.equal(preferenceLists(settled));
        expect(preferenceLists(cancelled)).to.deep.equal(preferenceLists(ring));
      }),
      { numRuns: 15 },
    );
  });

  it("lets no joining node own for its zone's sake before the change, though the walk meets it", () => {
    const zoned = [member(0, "a"), member(1, "b"), member(2, "a")];
    const { transfer } = changed(raised(ringOf({ members: zoned })), join(member(3, "c")));
    for (const { owners } of preferenceLists(ringAt(transfer, "before")))
      expect(owners).to.not.include(member(3).id);
    expect(preferenceLists(transfer).some(({ owners }) => owners.includes(member(3).id))).to.equal(true);
  });

  it("is decided on by the members before the change until the flip, by those after it from then on", () => {
    const ring = raised(ringOf({ members: membersOf(5), partitions: 64 }));
    const idsOf = (of: typeof ring): string[] => votersOf(of).map(({ id }) => id);
    const grown = changed(ring, join(member(5), member(6)));
    expect(idsOf(grown.transfer)).to.deep.equal(membersOf(5).map(({ id }) => id));
    expect(idsOf(grown.flipped)).to.deep.equal(membersOf(7).map(({ id }) => id));
    const shrunk = changed(ring, leave(member(3), member(4)));
    expect(idsOf(shrunk.transfer)).to.deep.equal(membersOf(5).map(({ id }) => id));
    expect(idsOf(shrunk.flipped)).to.deep.equal(membersOf(3).map(({ id }) => id));
    expect(idsOf(shrunk.ended)).to.deep.equal(membersOf(3).map(({ id }) => id));
  });

  it("lets a member vote whose ring store it lists, and in format 1 one that has learnt its ring from nobody", () => {
    expect(remembersPromises(small, a!, { id: storeOf(a!), adopted: true })).to.equal(true);
    expect(remembersPromises(small, a!, { id: storeOf(a!, 1), adopted: false })).to.equal(false);
    expect(remembersPromises(small, member(7).id, { id: storeOf(member(7).id), adopted: false })).to.equal(
      false,
    );
    const first = ringOf({ members: membersOf(2) });
    expect(remembersPromises(first, b!, { id: storeOf(b!), adopted: false })).to.equal(true);
    expect(remembersPromises(first, b!, { id: storeOf(b!), adopted: true })).to.equal(false);
  });

  it("admits a member with the ring store that is listed, in format 1 with any", () => {
    expect([isAdmitted(small, a!, storeOf(a!)), isAdmitted(small, a!, storeOf(a!, 1))]).to.deep.equal([
      true,
      false,
    ]);
    expect(isAdmitted(ringOf({ members: membersOf(2), partitions: 8 }), a!, storeOf(a!, 1))).to.equal(true);
    expect(isAdmitted(small, member(7).id, storeOf(member(7).id))).to.equal(false);
  });

  it("gives admission up where too few are left that have the listed store and are not the member itself", () => {
    const idsOf = (ns: number[]) => ns.map((n) => member(n).id);
    const isBeyond = (members: number, self: number, lost: number[]): boolean =>
      isBeyondAdmission(
        raised(ringOf({ members: membersOf(members), partitions: 8 })),
        member(self).id,
        (id) => idsOf(lost).includes(id),
      );
    expect([isBeyond(3, 0, [0]), isBeyond(3, 0, [0, 1])]).to.deep.equal([false, true]);
    expect([isBeyond(5, 4, [3, 4]), isBeyond(5, 4, [2, 3, 4])]).to.deep.equal([false, true]);
    expect([isBeyond(1, 0, [0]), isBeyond(2, 0, [0]), isBeyond(4, 0, [0])]).to.deep.equal([
      true,
      true,
      false,
    ]);
    const { transfer } = changed(small, join(member(2)));
    expect(
      isBeyondAdmission(transfer, member(2).id, (id) => id === member(2).id),
      "it only joins",
    ).to.equal(false);
  });

  it("says of a node whether it is a member, in which state, or has left", () => {
    const { transfer, ended } = changed(small, join(member(2)));
    expect(standingOf(transfer, member(2).id)).to.equal("joining");
    expect(standingOf(ended, member(2).id)).to.equal("active");
    expect(standingOf(small, member(2).id)).to.equal("left");
  });

  describe("is refused, naming the field, where", () => {
    const { transfer } = changed(small, join(member(2)));
    const replaced = changed(raised(ringOf({ members: membersOf(3), partitions: 8 })), {
      type: "replace",
      joining: [member(3)],
      leaving: [member(0).id],
    }).transfer;
    const [first, ...others] = transfer.members;
    const cases: readonly (readonly [string, string, object])[] = [
      ["its format is 1", "format", { format: 1 }],
      ["its epoch is 0", "epoch", { epoch: 0 }],
      ["its feature level is below 2", "featureLevel", { featureLevel: 1 }],
      [
        "a ring store is missing",
        "members[0].ringStore",
        { members: [{ ...first, ringStore: undefined }, ...others] },
      ],
      [
        "a ring store is no 16 hex digits",
        "members[0].ringStore",
        { members: [{ ...first, ringStore: "x" }, ...others] },
      ],
      ["it accepts from an epoch to come", "acceptsFrom", { acceptsFrom: 4 }],
      ["it accepts from no epoch", "acceptsFrom", { acceptsFrom: undefined }],
      ["a member joins and there is no change", "members[2].state", { change: null }],
      ["its change has no name", "change.changeId", { change: { ...transfer.change, changeId: "" } }],
      ["its phase is unknown", "change.phase", { change: { ...transfer.change, phase: "moving" } }],
      ["a node owns that only joins", "owners[0]", { owners: [2, 1, 0, 1, 0, 1, 0, 1] }],
      [
        "its next owners are too few",
        "change.nextOwners",
        { change: { ...transfer.change, nextOwners: [0] } },
      ],
      [
        "nobody joins or leaves",
        "members",
        { members: transfer.members.map((of) => ({ ...of, state: "active" })) },
      ],
    ];
    for (const [title, field, fault] of cases) {
      it(title, () => {
        expect(() => checkElasticRing({ ...transfer, ...fault }))
          .to.throw(RingInvalid)
          .with.property("field", field);
      });
    }

    it("a node that leaves is to own, or it is no object", () => {
      const change = { ...replaced.change!, nextOwners: [0, 0, 0, 0, 0, 0, 0, 0] };
      expect(() => checkElasticRing({ ...replaced, change }))
        .to.throw(RingInvalid)
        .with.property("field", "change.nextOwners[0]");
      for (const value of [null, 7, "ring", []]) expect(() => checkElasticRing(value)).to.throw(RingInvalid);
    });
  });
});
