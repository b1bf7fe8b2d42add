import { expect } from "chai";
import fc from "fast-check";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import { claim } from "../../../../../node/core/ring/claim.ts";
import type { RingMember } from "../../../../../node/core/ring/ring.ts";
import { loadsOf, member, membersOf, repeatingRuns } from "./made-ring.ts";

const spread = (loads: readonly number[]): number => Math.max(...loads) - Math.min(...loads);
const share = (partitions: number, memberCount: number): number => Math.ceil(partitions / memberCount);

/** Owners by id, ring after ring: `members` is what the ring has from now on. */
function ownersOf(
  members: readonly RingMember[],
  { partitions, replicas, before }: { partitions: number; replicas: number; before?: readonly NodeId[] },
): NodeId[] {
  const previous = before === undefined ? {} : { previousOwners: before };
  return claim({ partitions, replicas, members, ...previous }).map((index) => members[index]!.id);
}

const moves = (before: readonly NodeId[], after: readonly NodeId[]): number =>
  before.filter((owner, partition) => owner !== after[partition]).length;

const partitionCounts = fc.constantFrom(8, 16, 64, 256, 1024);
const replicaCounts = fc.integer({ min: 1, max: 7 });

describe("claim", () => {
  describe("a new ring", () => {
    it("gives members without zones loads within one of each other", () => {
      fc.assert(
        fc.property(
          partitionCounts,
          replicaCounts,
          fc.integer({ min: 1, max: 60 }),
          (partitions, replicas, count) => {
            const owners = claim({ partitions, replicas, members: membersOf(count) });
            expect(owners).to.have.length(partitions);
            expect(spread(loadsOf(owners, count))).to.be.at.most(1);
          },
        ),
      );
    });

    it("has N distinct owners in any N partitions, wrap-around included, where ceil(Q/S) ≤ floor(Q/N)", () => {
      fc.assert(
        fc.property(
          partitionCounts,
          replicaCounts,
          fc.integer({ min: 1, max: 60 }),
          (partitions, replicas, count) => {
            fc.pre(Math.ceil(partitions / count) <= Math.floor(partitions / replicas));
            const owners = claim({ partitions, replicas, members: membersOf(count) });
            expect(repeatingRuns(owners, replicas)).to.equal(0);
          },
        ),
        { numRuns: 300 },
      );
    });

    it("has N distinct zones in any N partitions where there are more than N zones of equal size", () => {
      fc.assert(
        fc.property(
          replicaCounts,
          fc.integer({ min: 1, max: 9 }),
          fc.integer({ min: 1, max: 5 }),
          (n, more, size) => {
            const members = membersOf((n + more) * size, n + more);
            const owners = claim({ partitions: 256, replicas: n, members });
            expect(
              repeatingRuns(
                owners.map((owner) => members[owner]!.zone),
                n,
              ),
            ).to.equal(0);
            expect(spread(loadsOf(owners, members.length))).to.be.at.most(1);
          },
        ),
      );
    });

    it("caps a zone at a share of 1/N however many members it has, and is even inside each zone", () => {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 7 }), (sizes) => {
          const members = sizes
            .flatMap((size, zone) => Array.from({ length: size }, () => zone))
            .map((zone, n) => member(n, `z${zone}`));
          const owners = claim({ partitions: 256, replicas: 3, members });
          const loads = loadsOf(owners, members.length);
          sizes.forEach((_, zone) => {
            const ofZone = loads.filter((__, n) => members[n]!.zone === `z${zone}`);
            expect(spread(ofZone)).to.be.at.most(1);
            expect(ofZone.reduce((sum, load) => sum + load, 0)).to.be.at.most(Math.floor(256 / 3));
          });
          expect(
            repeatingRuns(
              owners.map((owner) => members[owner]!.zone),
              3,
            ),
          ).to.equal(0);
        }),
      );
    });

    it("with as many zones as replicas repeats a zone only where 256 does not divide by three: in two runs", () => {
      const members = membersOf(9, 3);
      const owners = claim({ partitions: 256, replicas: 3, members });
      expect(
        repeatingRuns(
          owners.map((owner) => members[owner]!.zone),
          3,
        ),
      ).to.equal(2);
      expect(repeatingRuns(owners, 3)).to.equal(0);
    });

    it("with two zones has both in any three partitions, on distinct members from four members on", () => {
      for (const count of [4, 5, 6, 7, 8, 13, 40]) {
        const members = membersOf(count, 2);
        const owners = claim({ partitions: 256, replicas: 3, members });
        const zones = owners.map((owner) => members[owner]!.zone);
        const poor = zones.filter(
          (zone, i) => zone === zones[(i + 1) % 256] && zone === zones[(i + 2) % 256],
        );
        expect(poor, `${count} members`).to.have.length(0);
        expect(repeatingRuns(owners, 3), `${count} members`).to.equal(0);
      }
    });
  });

  describe("a changed ring", () => {
    const settings = { partitions: 256, replicas: 3 };

    it("stays as it is where nothing changed", () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 5 }), (count, zones) => {
          const members = membersOf(count, zones);
          const before = ownersOf(members, settings);
          expect(ownersOf(members, { ...settings, before })).to.deep.equal(before);
        }),
      );
    });

    it("moves to one joining member its share and nothing else", () => {
      for (let count = 3; count <= 60; count++) {
        const before = ownersOf(membersOf(count), settings);
        const members = membersOf(count + 1);
        const after = ownersOf(members, { ...settings, before });
        expect(moves(before, after), `${count} members`).to.be.at.most(share(256, count + 1));
        expect(after.every((owner, i) => owner === before[i] || owner === members[count]!.id)).to.equal(true);
        expect(repeatingRuns(after, 3), `${count} members`).to.equal(0);
      }
    });

    it("moves from one leaving member its partitions, and at most a share more to mend clashes", () => {
      fc.assert(
        fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), (count, pick) => {
          const members = membersOf(count);
          const before = ownersOf(members, settings);
          const leaver = members[pick % count]!;
          const left = before.filter((owner) => owner === leaver.id).length;
          const after = ownersOf(
            members.filter(({ id }) => id !== leaver.id),
            { ...settings, before },
          );
          expect(after).not.to.include(leaver.id);
          expect(moves(before, after)).to.be.within(left, left + share(256, count - 1));
        }),
      );
    });

    it("keeps N partitions in a row distinct and loads even through any joins and leaves above 2N members", () => {
      const steps = fc.array(fc.oneof(fc.constant("join"), fc.nat({ max: 30 })), {
        minLength: 1,
        maxLength: 25,
      });
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 4 }), steps, (replicas, changes) => {
          const least = 2 * replicas + 1;
          let members = membersOf(least + 2);
          let before = ownersOf(members, { partitions: 256, replicas });
          let minted = members.length;
          for (const change of changes) {
            if (change !== "join" && members.length === least) continue;
            if (change === "join") members = [...members, member(minted++)];
            else members = members.filter((_, i) => i !== change % members.length);
            const after = ownersOf(members, { partitions: 256, replicas, before });
            expect(repeatingRuns(after, replicas)).to.equal(0);
            const loads = members.map(({ id }) => after.filter((owner) => owner === id).length);
            expect(spread(loads)).to.be.at.most(1);
            expect(moves(before, after)).to.be.at.most(2 * share(256, members.length) + 1);
            before = after;
          }
        }),
        { numRuns: 60 },
      );
    });

    it("keeps three zones apart, but for a few runs, while members join and leave one by one", () => {
      let before = ownersOf(membersOf(3, 3), settings);
      for (const count of [4, 5, 6, 7, 8, 9, 10, 9, 8, 7, 6, 5, 4, 3]) {
        const members = membersOf(count, 3);
        const after = ownersOf(members, { ...settings, before });
        const zoneOf = new Map(members.map(({ id, zone }) => [id, zone]));
        expect(
          repeatingRuns(
            after.map((owner) => zoneOf.get(owner)),
            3,
          ),
          `${count} members`,
        ).to.be.at.most(6);
        before = after;
      }
    });

    it("moves nothing between zones when a member joins a zone whose share is at its cap", () => {
      const before = ownersOf(membersOf(3, 3), settings);
      const members = membersOf(4, 3);
      const after = ownersOf(members, { ...settings, before });
      const zoneOf = new Map(members.map(({ id, zone }) => [id, zone]));
      expect(after.map((owner) => zoneOf.get(owner))).to.deep.equal(before.map((owner) => zoneOf.get(owner)));
      expect(moves(before, after)).to.be.within(42, 43);
    });
  });

  it("does not depend on the order of the members", () => {
    const scene = fc.integer({ min: 1, max: 30 }).chain((count) =>
      fc.tuple(
        fc.integer({ min: 0, max: 4 }).map((zones) => membersOf(count, zones)),
        fc.shuffledSubarray([...Array(count).keys()], { minLength: count }),
      ),
    );
    fc.assert(
      fc.property(scene, ([members, order]) => {
        const shuffled = order.map((n) => members[n]!);
        const input = { partitions: 128, replicas: 3 };
        const before = ownersOf(membersOf(7, 3), input);
        expect(claim({ ...input, members: shuffled })).to.deep.equal(claim({ ...input, members }));
        expect(claim({ ...input, members: shuffled, previousOwners: before })).to.deep.equal(
          claim({ ...input, members, previousOwners: before }),
        );
      }),
    );
  });

  it("spans rings of fewer members than replicas", () => {
    expect(new Set(claim({ partitions: 8, replicas: 3, members: membersOf(1) }))).to.deep.equal(new Set([0]));
    expect(loadsOf(claim({ partitions: 8, replicas: 3, members: membersOf(2) }), 2)).to.deep.equal([4, 4]);
  });

  it("plans a join to 1,000 members and 4,096 partitions within two seconds", () => {
    const settings = { partitions: 4096, replicas: 3 };
    const before = ownersOf(membersOf(1000, 3), settings);
    const startedMs = performance.now();
    const after = ownersOf(membersOf(1001, 3), { ...settings, before });
    expect(performance.now() - startedMs).to.be.below(2_000);
    expect(moves(before, after)).to.be.at.most(10);
  });

  it("refuses a member named twice and previous owners of another partition count", () => {
    const twice = [member(1), member(1)];
    expect(() => claim({ partitions: 8, replicas: 3, members: twice })).to.throw("twice");
    expect(() => claim({ partitions: 8, replicas: 3, members: [] })).to.throw("at least one member");
    const short = { partitions: 8, replicas: 3, members: membersOf(1), previousOwners: [member(1).id] };
    expect(() => claim(short)).to.throw("1 previous owners for 8 partitions");
  });
});
