import { expect } from "chai";
import { SILENT } from "../observed-cluster.ts";
import { existingPods } from "../../../../operator/plan/existing-pods.ts";
import { nextStep } from "../../../../operator/plan/next-step.ts";
import { sizeObstacle } from "../../../../operator/plan/size.ts";
import { nodeViews } from "../../../../operator/observe/node-view.ts";
import { resizing, withoutVolume } from "../resizing-cluster.ts";

/** Pods that do not answer, and that the size does not ask for: whether they go depends on who may be there. */
describe("operator: a smaller size and silent pods", () => {
  it("takes no silent pod whose node may keep copies: one that has left, or a member that nobody has heard of", () => {
    const silent = { size: 3, pods: 5, members: [0, 1, 2], sketches: { 4: { missing: "answer" } } } as const;
    const left = { ...silent, left: { 3: 0 }, marked: [3] };
    expect(nextStep(resizing({ ...left, departed: [4] })).kind).to.equal("wait");
    expect(nextStep(resizing({ ...left, departed: [4], unheard: [4] })).kind).to.equal("wait");
    // It has left with another pod.
    expect(nextStep(resizing({ ...left, departed: [2], members: [0, 1] })).kind).to.equal(
      "scale_stateful_set",
    );
    const members = resizing({
      size: 3,
      pods: 5,
      members: [0, 1, 2, 3, 4],
      unheard: [3, 4],
      sketches: { 3: SILENT, 4: SILENT },
    });
    expect(nextStep(members).kind).to.equal("wait");
    const one = resizing({
      size: 3,
      pods: 4,
      members: [0, 1, 2, 3],
      unheard: [3],
      sketches: { 3: SILENT },
    });
    expect(nextStep(one)).to.have.property("message").that.includes("demo-3");
    expect(sizeObstacle(one, nodeViews(one, existingPods(one)))).to.equal(undefined);
  });

  it("takes no silent pod while most members are silent: the ring that is seen may be an old one", () => {
    const seen = { size: 3, pods: 4, members: [0, 1, 2], sketches: { 3: SILENT } } as const;
    expect(nextStep(resizing(seen)).kind).to.equal("scale_stateful_set");
    const few = resizing({ ...seen, sketches: { 1: SILENT, 2: SILENT, 3: SILENT } });
    expect(nextStep(few).kind).to.equal("wait");
  });

  it("takes pods that never had a volume, whoever else is missing, and counts them as nobody's place", () => {
    const pending = { missing: "pod" } as const;
    const observed = withoutVolume(
      resizing({ size: 3, pods: 4, members: [0, 1, 2], unheard: [2], sketches: { 2: SILENT, 3: pending } }),
    );
    expect(nextStep(observed)).to.include({ kind: "scale_stateful_set", to: 3 });
    const lost = { ...observed, lostClaims: ["data-demo-2"] };
    expect(nextStep(lost)).to.include({ kind: "replace_volume", pod: "demo-2" });
  });

  it("takes a silent pod that is neither a member nor has left, so that the ones below it can go", () => {
    const back = resizing({ size: 3, pods: 5, members: [0, 1, 2], marked: [3], sketches: { 4: SILENT } });
    expect(nextStep(back)).to.include({ kind: "scale_stateful_set", from: 5, to: 3 });
  });
});
