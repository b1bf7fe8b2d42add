import { expect } from "chai";
import fc from "fast-check";
import { routesOf } from "../../../../../../node/core/ring/change/change-routes.ts";
import { preferenceLists } from "../../../../../../node/core/ring/preference-list.ts";
import { ringAfter, planned, scenes } from "./change-scenes.ts";
import { changed, raised } from "./elastic-rings.ts";

describe("change routes", () => {
  it("are the preference lists where no change is under way", () => {
    fc.assert(
      fc.property(scenes, ({ ring }) => {
        preferenceLists(ring).forEach((list, partition) =>
          expect(routesOf(ring)[partition]).to.deep.equal({
            read: list,
            write: list,
            writeSets: [list.owners],
          }),
        );
      }),
      { numRuns: 5 },
    );
  });

  it("lead reads to the owners before until the flip, to those after it from then on, and writes to both", () => {
    fc.assert(
      fc.property(scenes, ({ ring, request }) => {
        const before = preferenceLists(ring);
        const after = preferenceLists(ringAfter(ring, planned(ring, request)));
        const { transfer, flipped } = changed(raised(ring), request);
        const [early, late] = [routesOf(transfer), routesOf(flipped)];
        before.forEach((list, partition) => {
          const next = after[partition]!;
          const isMoved =
            new Set([...list.owners, ...next.owners]).size > list.owners.length ||
            next.owners.length < list.owners.length;
          expect(early[partition]!.read.owners).to.deep.equal(list.owners);
          expect(late[partition]!.read.owners).to.deep.equal(next.owners);
          const union = new Set([...list.owners, ...next.owners]);
          const both = list.owners.filter((id) => next.owners.includes(id));
          for (const { read, write, writeSets } of [early[partition]!, late[partition]!]) {
            if (isMoved) expect(writeSets).to.deep.equal([list.owners, next.owners]);
            else expect(writeSets).to.deep.equal([read.owners]);
            expect(write.owners).to.have.members([...union]);
            if (isMoved) expect(write.owners.slice(0, both.length)).to.deep.equal(both);
            expect(read.fallbacks).to.deep.equal(write.fallbacks);
            for (const id of write.fallbacks) expect(union).to.not.include(id);
          }
        });
      }),
      { numRuns: 6 },
    );
  });
});
