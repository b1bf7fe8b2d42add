import { expect } from "chai";
import { type ClusterFigures, figuresOf } from "./cluster-figures.ts";
import { growthOf } from "./growth.ts";
import { markdownReport } from "./report.ts";
import { ringCosts } from "./ring-costs.ts";

/** What docs/SCALE.md says of all sizes, held at small ones. */
describe("simulator: scale", () => {
  const clusters: ClusterFigures[] = [];

  for (const nodes of [10, 30]) {
    it(`brings an epoch to ${nodes} nodes at once where its proposer tells them, and in log2(n) rounds where it does not`, async () => {
      const figures = await figuresOf({ nodes, seed: 1, epochs: 2, restMs: 10_000, partitions: 64 });
      clusters.push(figures);
      for (const { decidedMs, allMs, messages } of figures.decided) {
        expect(decidedMs).to.be.below(200);
        expect(allMs).to.be.below(300);
        // Prepare, accept, decided, each with its answer; a peer that hears of it by gossip first asks.
        expect(messages).to.be.at.most(6 * nodes);
      }
      for (const { allMs } of figures.gossiped) expect(allMs / 1_000).to.be.at.most(Math.log2(nodes) + 3);
    });
  }

  it("sends little at rest: one round of gossip a second, nothing about rings", () => {
    for (const { nodes, rest } of clusters) {
      expect(rest.get("gossip.digest")?.messages).to.be.within(0.8, 1.2);
      expect([...rest.keys()].filter((kind) => kind.startsWith("ring."))).to.deep.equal([]);
      const messages = [...rest.values()].reduce((sum, each) => sum + each.messages, 0);
      expect(messages).to.be.at.most(3 + nodes);
    }
  });

  it("is told in tables", () => {
    const report = markdownReport(clusters, [ringCosts(10, 64)]);
    expect(report).to.include("| an epoch | 10 | 30 |").and.to.include("| 10 | 64 |");
    expect(report).to.not.include("NaN");
  });

  it("tells the laws of growth apart", () => {
    const law = (of: (nodes: number) => number): string =>
      growthOf([10, 30, 100, 300].map((nodes) => ({ nodes, value: of(nodes) }))).law;
    expect([
      law(() => 7),
      law((n) => 1 + Math.log2(n)),
      law((n) => 5 + n),
      law((n) => 20 + n * n),
    ]).to.deep.equal(["1", "log n", "n", "n²"]);
  });
});
