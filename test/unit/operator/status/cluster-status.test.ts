import { expect } from "chai";
import fc from "fast-check";
import { nextStep } from "../../../../operator/plan/next-step.ts";
import { clusterStatus } from "../../../../operator/status/cluster-status.ts";
import { factsOf } from "../../../../operator/status/facts.ts";
import type { ObservedState } from "../../../../operator/observe/observed-state.ts";
import { clusterOf, observedOf, type SketchedNode } from "../observed-cluster.ts";

function statusOf(observed: ObservedState) {
  return clusterStatus(factsOf({ observed, step: nextStep(observed), heldBack: [], failure: undefined }));
}

function condition(observed: ObservedState, type: string) {
  return statusOf(observed).conditions!.find((each) => each.type === type)!;
}

describe("operator: status", () => {
  it("of a healthy cluster is Ready, with every node in it", () => {
    const status = statusOf(observedOf());
    expect(status).to.include({ phase: "Ready", readyNodes: 3, size: 3, quorum: "3/2/2", version: "0.1.0" });
    expect(status.endpoint).to.equal("http://demo.shop.svc:8080");
    expect(status.nodes!.map(({ pod, state, member }) => ({ pod, state, member }))).to.deep.equal(
      ["demo-0", "demo-1", "demo-2"].map((pod) => ({ pod, state: "serving", member: true })),
    );
  });

  it("is Available but Degraded with one of three nodes down, Unavailable with two", () => {
    const down = { missing: "answer", ready: false } as const;
    const one = observedOf(clusterOf(), [{}, down, {}]);
    expect(condition(one, "Available")).to.include({ status: "True", reason: "QuorumHeld" });
    expect(condition(one, "Degraded")).to.include({ status: "True", reason: "NodesDown" });
    expect(statusOf(one).phase).to.equal("Degraded");
    const two = observedOf(clusterOf(), [down, down, {}]);
    expect(condition(two, "Available")).to.include({ status: "False", reason: "QuorumLost" });
    expect(statusOf(two).phase).to.equal("Unavailable");
  });

  it("goes from Pending to Forming once, also where a node misses an answer in between", () => {
    const fresh: SketchedNode = { hasRing: false, ready: false };
    const silent: SketchedNode = { ...fresh, missing: "answer" };
    const phaseOf = (sketches: readonly SketchedNode[]) => statusOf(observedOf(clusterOf(), sketches)).phase;
    expect(phaseOf([fresh, fresh, { ...fresh, missing: "pod" }])).to.equal("Pending");
    expect(phaseOf([fresh, fresh, fresh])).to.equal("Forming");
    expect(phaseOf([silent, fresh, fresh])).to.equal("Forming");
    expect(phaseOf([silent, silent, silent])).to.equal("Forming");
  });

  it("is Pending again where a node's process has ended, and says why", () => {
    const silent = { hasRing: false, missing: "answer", ready: false } as const;
    const observed = observedOf(clusterOf(), [silent, silent, silent]);
    const [first, ...rest] = observed.pods;
    const waiting = { reason: "CrashLoopBackOff" };
    const [container] = first!.status!.containerStatuses!;
    const crashed = {
      ...first!,
      status: { ...first!.status, containerStatuses: [{ ...container!, state: { waiting } }] },
    };
    const status = statusOf({ ...observed, pods: [crashed, ...rest] });
    expect(status.phase).to.equal("Pending");
    expect(status.message).to.contain("demo-0: its container waits: CrashLoopBackOff");
  });

  it("says that the size changes, and how far it is", () => {
    const observed = observedOf();
    const resized = {
      ...observed,
      cluster: { ...observed.cluster, spec: { ...observed.cluster.spec, size: 5 } },
    };
    const { status, reason, message } = condition(resized, "SizeAsAsked");
    expect({ status, reason }).to.deep.equal({ status: "False", reason: "Changing" });
    expect(message).to.include("the ring has 3 members and size asks for 5");
    expect(statusOf(resized)).to.deep.include({
      phase: "Scaling",
      operation: { type: "ScaleUp", phase: "pods", message: "demo: 5 pods" },
    });
  });

  it("says that reads may be stale where quorums do not overlap, and is Ready all the same", () => {
    const loose = observedOf(clusterOf({ replication: { factor: 3, readQuorum: 1, writeQuorum: 2 } }));
    expect(condition(loose, "QuorumsOverlap")).to.include({ status: "False", reason: "ReadsMayBeStale" });
    expect(condition(loose, "Ready").status).to.equal("True");
    expect(condition(observedOf(), "QuorumsOverlap").status).to.equal("True");
  });

  it("keeps the time of a condition that did not change, and sets it of one that did", () => {
    const observed = observedOf();
    const first = statusOf(observed);
    const later = {
      ...observed,
      now: "2026-01-01T00:01:00Z",
      cluster: { ...observed.cluster, status: first },
    };
    expect(statusOf(later)).to.deep.equal(first);
    const down = observedOf(clusterOf(), [{ missing: "answer", ready: false }]);
    const changed = statusOf({ ...down, now: later.now, cluster: { ...down.cluster, status: first } });
    const times = new Map(
      changed.conditions!.map(({ type, lastTransitionTime }) => [type, lastTransitionTime]),
    );
    expect(times.get("Degraded")).to.equal("2026-01-01T00:01:00Z");
    expect(times.get("Available")).to.equal("2026-01-01T00:00:00Z");
  });

  it("never contradicts itself", () => {
    const some: fc.Arbitrary<SketchedNode> = fc.record({
      ready: fc.boolean(),
      upToDate: fc.boolean(),
      hasRing: fc.boolean(),
      terminating: fc.boolean(),
      missing: fc.constantFrom(undefined, undefined, "pod", "answer") as fc.Arbitrary<"pod">,
    });
    fc.assert(
      fc.property(fc.array(some, { minLength: 3, maxLength: 3 }), (sketches) => {
        const status = statusOf(observedOf(clusterOf(), sketches));
        const holds = (type: string) =>
          status.conditions!.find((each) => each.type === type)?.status === "True";
        if (holds("Ready")) expect(holds("Available") && !holds("Degraded")).to.equal(true);
        expect(status.phase === "Ready").to.equal(
          holds("Ready") && !["Updating", "Paused"].includes(status.phase!),
        );
        expect(status.readyNodes).to.be.at.most(status.size!);
        expect(status.conditions!.every(({ message }) => message.length > 0)).to.equal(true);
      }),
    );
  });
});
