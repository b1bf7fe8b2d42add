import { expect } from "chai";
import fc from "fast-check";
import { preferenceLists } from "../../../../../node/core/ring/preference-list.ts";
import type { PreferenceList } from "../../../../../node/core/ring/ring.ts";
import { standIns } from "../../../../../node/core/ring/sloppy-quorum.ts";
import { membersOf, nodeId, ringOf } from "./made-ring.ts";

const list: PreferenceList = {
  partition: 0,
  owners: [0, 1, 2].map(nodeId),
  fallbacks: [3, 4, 5].map(nodeId),
};
const allBut = (...down: number[]) => {
  const ids = new Set<string>(down.map(nodeId));
  return (node: string): boolean => !ids.has(node);
};

describe("standIns", () => {
  it("is the owners where all are healthy", () => {
    expect(standIns({ list, isHealthy: () => true })).to.deep.equal(
      list.owners.map((node) => ({ node, standsInFor: undefined })),
    );
  });

  it("names for each fallback the owner it stands in for", () => {
    expect(standIns({ list, isHealthy: allBut(1, 2, 3) })).to.deep.equal([
      { node: nodeId(0), standsInFor: undefined },
      { node: nodeId(4), standsInFor: nodeId(1) },
      { node: nodeId(5), standsInFor: nodeId(2) },
    ]);
  });

  it("is shorter where fewer nodes are healthy, and empty where none is", () => {
    expect(standIns({ list, isHealthy: allBut(0, 1, 2, 4, 5) })).to.deep.equal([
      { node: nodeId(3), standsInFor: nodeId(0) },
    ]);
    expect(standIns({ list, isHealthy: () => false })).to.deep.equal([]);
  });

  it("prefers a stand-in of the missing owner's zone, then of an unused zone, then any", () => {
    const zones = ["a", "b", "c", "a", "b", "c"];
    const zoneOf = (node: string): string => zones[Number(node.slice(-1))]!;
    const standInFor1 = (...down: number[]) =>
      standIns({ list, zoneOf, isHealthy: allBut(1, ...down) }).find(
        ({ standsInFor }) => standsInFor !== undefined,
      );
    expect(standInFor1()).to.deep.equal({ node: nodeId(4), standsInFor: nodeId(1) });
    expect(standInFor1(4)).to.deep.equal({ node: nodeId(3), standsInFor: nodeId(1) });
    const withFourthZone = (node: string): string => (node === nodeId(5) ? "d" : zoneOf(node));
    const [, , unused] = standIns({ list, zoneOf: withFourthZone, isHealthy: allBut(1, 4) });
    expect(unused).to.deep.equal({ node: nodeId(5), standsInFor: nodeId(1) });
  });

  it("without zones is the first N healthy nodes of the list, for any failures and any ring", () => {
    const scene = fc
      .integer({ min: 1, max: 10 })
      .chain((count) =>
        fc.tuple(fc.constant(count), fc.subarray([...Array(count).keys()]), fc.nat({ max: 255 })),
      );
    fc.assert(
      fc.property(scene, ([count, down, partition]) => {
        const walked = preferenceLists(ringOf({ members: membersOf(count) }))[partition]!;
        const isHealthy = allBut(...down);
        const healthy = [...walked.owners, ...walked.fallbacks]
          .filter(isHealthy)
          .slice(0, walked.owners.length);
        const quorum = standIns({ list: walked, isHealthy });
        expect(quorum.map(({ node }) => node)).to.deep.equal(healthy);
        const missing = walked.owners.filter((owner) => !isHealthy(owner));
        const stoodInFor = quorum
          .map(({ standsInFor }) => standsInFor)
          .filter((owner) => owner !== undefined);
        expect(stoodInFor).to.deep.equal(missing.slice(0, stoodInFor.length));
      }),
    );
  });

  it("uses as many zones as any choice of healthy nodes could, when one owner is missing", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 12 }),
        fc.nat({ max: 2 }),
        fc.nat({ max: 255 }),
        (count, slot, partition) => {
          const members = membersOf(count, 4);
          const zoneOf = (node: string): string => members.find(({ id }) => id === node)!.zone;
          const walked = preferenceLists(ringOf({ members }))[partition]!;
          const quorum = standIns({
            list: walked,
            zoneOf,
            isHealthy: (node) => node !== walked.owners[slot],
          });
          expect(new Set(quorum.map(({ node }) => zoneOf(node))).size).to.equal(3);
        },
      ),
    );
  });
});
