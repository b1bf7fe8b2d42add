import { expect } from "chai";
import type { DynamoClusterStatus } from "../../../../operator/api/v1alpha1/dynamo-cluster.ts";
import { nextStep } from "../../../../operator/plan/next-step.ts";
import { eventsOf } from "../../../../operator/status/cluster-events.ts";
import { clusterStatus } from "../../../../operator/status/cluster-status.ts";
import { factsOf } from "../../../../operator/status/facts.ts";
import { clusterOf, observedOf, type SketchedNode, SILENT } from "../observed-cluster.ts";
import { leavePlan, resizing } from "../resizing-cluster.ts";

function statusOf(sketches: readonly SketchedNode[] = [], paused = false): DynamoClusterStatus {
  const observed = observedOf(clusterOf({ paused }), sketches);
  return clusterStatus(factsOf({ observed, step: nextStep(observed), heldBack: [], failure: undefined }));
}

function told(before: DynamoClusterStatus | undefined, after: DynamoClusterStatus): string[] {
  return eventsOf(before, after).map(({ reason }) => reason);
}

describe("operator: events read off the status", () => {
  const outdated = { upToDate: false };

  it("are none where nothing changed", () => {
    for (const status of [statusOf(), statusOf([SILENT, SILENT, {}]), statusOf([outdated])])
      expect(told(status, status)).to.deep.equal([]);
  });

  it("begin with the cluster's creation", () => {
    expect(told(undefined, statusOf())).to.deep.equal(["ClusterCreated"]);
  });

  it("tell of a quorum that is lost and of its return", () => {
    expect(told(statusOf(), statusOf([SILENT, SILENT, {}]))).to.deep.equal(["QuorumLost"]);
    expect(told(statusOf([SILENT, SILENT, {}]), statusOf())).to.deep.equal(["QuorumRestored"]);
    expect(told(statusOf(), statusOf([SILENT, {}, {}]))).to.deep.equal([]);
  });

  it("tell of two rings once", () => {
    const forked = statusOf([{}, { ringHash: "other" }]);
    expect(told(statusOf(), forked)).to.deep.equal(["RingConflict"]);
  });

  it("tell of a pause and of its end", () => {
    expect(told(statusOf(), statusOf([], true))).to.deep.equal(["Paused"]);
    expect(told(statusOf([], true), statusOf())).to.deep.equal(["Resumed"]);
  });

  it("tell where a rollout begins and when no old pod is left", () => {
    expect(told(statusOf(), statusOf([outdated, outdated, outdated]))).to.deep.equal(["RolloutStarted"]);
    expect(told(statusOf([{}, outdated]), statusOf([{}, { missing: "pod" }]))).to.deep.equal([
      "RolloutCompleted",
    ]);
  });

  it("tell when the size is reached, and when it cannot be", () => {
    const of = (observed: Parameters<typeof nextStep>[0]): DynamoClusterStatus =>
      clusterStatus(factsOf({ observed, step: nextStep(observed), heldBack: [], failure: undefined }));
    const moving = of(resizing({ size: 4, pods: 4, members: [0, 1, 2, 3], joining: [3] }));
    expect(told(moving, of(resizing({ size: 4, pods: 4, members: [0, 1, 2, 3] })))).to.deep.equal([
      "SizeReached",
    ]);
    const full = resizing({ size: 3, pods: 4, members: [0, 1, 2, 3], freeBytes: 1_000 });
    const preview = { kind: "planned", plan: leavePlan({ 2: 5_000_000 }) } as const;
    const blocked = of({ ...full, preview });
    expect(told(of(full), blocked)).to.deep.equal(["SizeChangeBlocked"]);
    expect(told(blocked, blocked)).to.deep.equal([]);
  });
});
