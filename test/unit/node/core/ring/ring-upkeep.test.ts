import { expect } from "chai";
import type { NodeId } from "../../../../../node/core/node-id.ts";
import {
  ELASTIC,
  proposerRank,
  type ReportedNode,
  upkeepDue,
} from "../../../../../node/core/ring/ring-upkeep.ts";
import type { Ring } from "../../../../../node/core/ring/ring.ts";
import { changed, raised, storeOf } from "./change/elastic-rings.ts";
import { join, leave } from "./change/change-scenes.ts";
import { member, membersOf, nodeId, ringOf } from "./made-ring.ts";

const DAY_MS = 86_400_000;
const first = ringOf({ members: membersOf(3), partitions: 8 });
const settled = raised(first);

/** What node `self` is to propose at once where all are well, but for what `words` says of some. */
function due(ring: Ring, self: number, words: Readonly<Record<number, Partial<ReportedNode> | null>> = {}) {
  const reports = new Map<NodeId, ReportedNode>();
  for (let n = 0; n < 4; n++) {
    const word = words[n];
    const well = {
      zone: "",
      features: [ELASTIC],
      ringStore: storeOf(nodeId(n)),
      ring,
      isHealthy: true,
      awayMs: 0,
    };
    if (word !== null) reports.set(nodeId(n), { ...well, ...word });
  }
  const reported = (id: NodeId): ReportedNode | undefined => reports.get(id);
  return proposerRank(ring, nodeId(self), reported) === 0 ? upkeepDue(ring, reported, DAY_MS) : undefined;
}

describe("ring upkeep", () => {
  it("raises a ring of format 1, by its first healthy member, with the store of each", () => {
    const ringStores = new Map([0, 1, 2].map((n) => [nodeId(n), storeOf(nodeId(n))]));
    expect(due(first, 0)).to.deep.equal({ kind: "raise", ringStores });
    expect([due(first, 1), due(first, 2), due(first, 3)]).to.deep.equal([undefined, undefined, undefined]);
  });

  for (const [title, word] of Object.entries({
    "of which nothing was heard": null,
    "that is down": { isHealthy: false },
    "whose release cannot read format 2": { features: [] },
    "of a release that says nothing of it": { features: undefined },
    "that has not said which ring store it has": { ringStore: undefined },
    "that does not serve this ring, as far as it has said": { ring: undefined },
    "whose word is of another epoch": { ring: { generation: 0, epoch: 2 } },
  }))
    it(`raises nothing beside a member ${title}`, () => {
      expect(due(first, 0, { 2: word })).to.equal(undefined);
    });

  it("admits a new ring store, also of a node that only joins, and has nothing to do without one", () => {
    expect(due(settled, 0)).to.equal(undefined);
    const ringStore = storeOf(nodeId(2), 1);
    expect(due(settled, 0, { 2: { ringStore } })).to.deep.equal({
      kind: "admit",
      node: nodeId(2),
      ringStore,
    });
    const { transfer } = changed(settled, join(member(3)));
    const joining = storeOf(nodeId(3), 1);
    expect(due(transfer, 0, { 3: { ringStore: joining } })).to.deep.equal({
      kind: "admit",
      node: nodeId(3),
      ringStore: joining,
    });
  });

  it("leaves its admission to others, and takes no word of an earlier life for a new store", () => {
    const ringStore = storeOf(nodeId(0), 1);
    expect(due(settled, 0, { 0: { ringStore } }), "it has no vote").to.equal(undefined);
    expect(due(settled, 1, { 0: { ringStore } })).to.deep.equal({
      kind: "admit",
      node: nodeId(0),
      ringStore,
    });
    for (const word of [{ ring: first }, { ring: undefined }, { isHealthy: false }])
      expect(due(settled, 1, { 0: { ringStore, ...word } })).to.equal(undefined);
  });

  describe("of a ring that node 3 has left", () => {
    const three = raised(ringOf({ members: membersOf(4), partitions: 8 }));
    const { ended } = changed(three, leave(member(3)));
    const release = { kind: "release", node: nodeId(3) };

    it("releases it, by the first healthy member, once it says under this very ring that it keeps nothing", () => {
      expect(due(ended, 0, { 3: { keepsCopies: false } })).to.deep.equal(release);
      expect(due(ended, 1, { 3: { keepsCopies: false } })).to.equal(undefined);
      for (const word of [
        { keepsCopies: true },
        { keepsCopies: undefined },
        { keepsCopies: false, ring: three },
        { keepsCopies: false, ring: undefined },
        { keepsCopies: false, isHealthy: false },
        null,
      ])
        expect(due(ended, 0, { 3: word })).to.equal(undefined);
    });

    it("gives up one that was away for a day, whatever it said before", () => {
      for (const keepsCopies of [true, false, undefined]) {
        const away = { keepsCopies, isHealthy: false };
        expect(due(ended, 0, { 3: { ...away, awayMs: DAY_MS - 1 } })).to.equal(undefined);
        expect(due(ended, 0, { 3: { ...away, awayMs: DAY_MS } })).to.deep.equal(release);
      }
    });

    it("waits with it for the end of a change, and admits new ring stores first", () => {
      const { transfer } = changed(ended, join(member(4)));
      expect(due(transfer, 0, { 3: { keepsCopies: false } })).to.equal(undefined);
      const ringStore = storeOf(nodeId(2), 1);
      expect(due(ended, 0, { 2: { ringStore }, 3: { keepsCopies: false } })).to.have.property(
        "kind",
        "admit",
      );
    });
  });
});
