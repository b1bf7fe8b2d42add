import { expect } from "chai";
import fc from "fast-check";
import { planChange } from "../../../../../../node/core/ring/change/change-plan.ts";
import { preferenceLists } from "../../../../../../node/core/ring/preference-list.ts";
import { loadsOf, member, membersOf, ringOf } from "../made-ring.ts";
import { join, leave, planned, replace, ringAfter, scenes } from "./change-scenes.ts";

const spread = (loads: readonly number[]): number => Math.max(...loads) - Math.min(...loads);

describe("change plan", () => {
  it("keeps min(N, members) distinct owners of every partition, in distinct zones while there are enough", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request }) => {
        const after = ringAfter(ring, planned(ring, request));
        const zoneOf = new Map(after.members.map(({ id, zone }) => [id, zone]));
        const { replicas } = ring.parameters;
        for (const { owners } of preferenceLists(after)) {
          expect(new Set(owners).size).to.equal(Math.min(replicas, after.members.length));
          const zones = new Set(owners.map((id) => zoneOf.get(id)));
          expect(zones.size).to.equal(Math.min(owners.length, new Set(zoneOf.values()).size));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("gives no partition to a node that leaves, and leaves loads within one of each other inside a zone", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request }) => {
        fc.pre(request.type !== "replace");
        const plan = planned(ring, request);
        for (const id of request.leaving) expect(plan.nextOwners).not.to.include(id);
        const { members, owners } = ringAfter(ring, plan);
        const loads = loadsOf(owners, members.length);
        for (const zone of new Set(members.map((listed) => listed.zone)))
          expect(spread(loads.filter((_, n) => members[n]!.zone === zone))).to.be.at.most(1);
      }),
      { numRuns: 40 },
    );
  });

  it("is a function of ring and request, whatever the order in which the nodes are named", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request: { type, joining, leaving } }) => {
        const plan = planned(ring, { type, joining, leaving });
        const reversed = { type, joining: [...joining].reverse(), leaving: [...leaving].reverse() };
        expect(planned(ring, reversed).nextOwners).to.deep.equal(plan.nextOwners);
      }),
      { numRuns: 40 },
    );
  });

  it("puts a replacing node of the same zone in the other's place and moves nothing else", () => {
    for (const zones of [0, 3]) {
      const members = membersOf(7, zones);
      const ring = ringOf({ members });
      const [gone, also] = [members[2]!, members[5]!];
      const [fresh, second] = [member(90, gone.zone), member(91, also.zone)];
      const { nextOwners } = planned(ring, replace([gone, also], [fresh, second]));
      nextOwners.forEach((id, partition) => {
        const before = members[ring.owners[partition]!]!.id;
        expect(id).to.equal(before === gone.id ? fresh.id : before === also.id ? second.id : before);
      });
    }
  });

  it("keeps zones apart where the replacing node is in another zone", () => {
    const members = membersOf(9, 3);
    const ring = ringOf({ members });
    const after = ringAfter(ring, planned(ring, replace([members[0]!], [member(90, "zone-1")])));
    const zoneOf = new Map(after.members.map(({ id, zone }) => [id, zone]));
    for (const { owners } of preferenceLists(after))
      expect(new Set(owners.map((id) => zoneOf.get(id))).size).to.equal(3);
  });

  it("comes back to the old members when a node that joined leaves, and to nearly the old owners", () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 40 }), fc.integer({ min: 0, max: 3 }), (count, zones) => {
        const members = membersOf(count, zones);
        const ring = ringOf({ members });
        const newcomer = member(900, zones === 0 ? "" : "zone-0");
        const grown = ringAfter(ring, planned(ring, join(newcomer)));
        const shrunk = ringAfter(grown, planned(grown, leave(newcomer)));
        expect(shrunk.members).to.deep.equal(members);
        const others = shrunk.owners.filter((owner, partition) => owner !== ring.owners[partition]).length;
        // What the newcomer took may go back to others than it came from.
        expect(others).to.be.at.most(Math.ceil((256 / count) * 1.5));
      }),
      { numRuns: 40 },
    );
  });

  it("refuses what the ring does not allow", () => {
    const ring = ringOf({ members: membersOf(3) });
    expect(planChange(ring, leave(member(0)))).to.include({ ok: false, code: "too_few_members" });
  });
});
