import { expect } from "chai";
import { budgetedNodes } from "../../../../operator/plan/budgeted-nodes.ts";
import { clusterOf, observedOf } from "../observed-cluster.ts";
import { resizing } from "../resizing-cluster.ts";

const members = [0, 1, 2];

describe("operator: the nodes that drains may take one of", () => {
  it("are the members, with those that join next, and not pods that wait for others", () => {
    expect(budgetedNodes(resizing({ size: 3, pods: 3, members }))).to.equal(3);
    const stuck = { size: 5, pods: 5, members, sketches: { 4: { missing: "pod" } } } as const;
    expect(budgetedNodes(resizing(stuck)), "one cannot be scheduled").to.equal(3);
    expect(budgetedNodes(resizing({ size: 5, pods: 5, members })), "about to join").to.equal(5);
  });

  it("are those before and after a change while it is under way, and not those that have left", () => {
    const five = [0, 1, 2, 3, 4];
    expect(budgetedNodes(resizing({ size: 5, pods: 5, members: five, joining: [3, 4] }))).to.equal(5);
    expect(budgetedNodes(resizing({ size: 3, pods: 5, members: five, leaving: [3, 4] }))).to.equal(5);
    expect(budgetedNodes(resizing({ size: 3, pods: 5, members, left: { 3: 7, 4: 0 } }))).to.equal(3);
  });

  it("are unknown where no node has a ring", () => {
    const silent = { missing: "answer" } as const;
    expect(budgetedNodes(observedOf(clusterOf(), [silent, silent, silent]))).to.equal(undefined);
  });
});
