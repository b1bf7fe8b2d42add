import { expect } from "chai";
import fc from "fast-check";
import { nextStep } from "../../../../operator/plan/next-step.ts";
import { clusterStatus } from "../../../../operator/status/cluster-status.ts";
import { factsOf } from "../../../../operator/status/facts.ts";
import type { ObservedState } from "../../../../operator/observe/observed-state.ts";
import { clusterOf, nodeIdOf, observedOf, type SketchedNode, SILENT } from "../observed-cluster.ts";
import { leavePlan, resizing } from "../resizing-cluster.ts";

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
    const one = observedOf(clusterOf(), [{}, SILENT, {}]);
    expect(condition(one, "Available")).to.include({ status: "True", reason: "QuorumHeld" });
    expect(condition(one, "Degraded")).to.include({ status: "True", reason: "NodesDown" });
    expect(statusOf(one).phase).to.equal("Degraded");
    const two = observedOf(clusterOf(), [SILENT, SILENT, {}]);
    expect(condition(two, "Available")).to.include({ status: "False", reason: "QuorumLost" });
    expect(statusOf(two).phase).to.equal("Unavailable");
  });

  it("waits for no volume to grow that no pod mounts", () => {
    const observed = observedOf();
    const small = { resources: { requests: { storage: "20Gi" } } };
    const growing = (name: string) => ({
      ...observed.claims[0]!,
      metadata: { name, namespace: "shop" },
      spec: small,
    });
    const withClaim = (name: string): ObservedState => ({
      ...observed,
      cluster: clusterOf({ storage: { size: "20Gi", reclaimPolicy: "Retain", whenScaled: "Retain" } }),
      claims: [growing(name)],
    });
    expect(condition(withClaim("data-demo-2"), "VolumesResized")).to.include({ status: "False" });
    expect(condition(withClaim("data-demo-3"), "VolumesResized")).to.include({ status: "True" });
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

  it("is neither degraded nor Ready for nodes that wait to join or have left, and tells how far the change is", () => {
    const waiting = statusOf(resizing({ size: 5, pods: 5, members: [0, 1, 2] }));
    expect(waiting.phase).to.equal("Scaling");
    expect(waiting.operation).to.deep.equal({ type: "ScaleUp", node: "demo-3", phase: "begin" });
    const moving = resizing({ size: 4, pods: 4, members: [0, 1, 2, 3], joining: [3] });
    const progress = {
      changeId: "operator-join-0.6",
      moved: 3,
      total: 8,
      waitsFor: "5 copies are not complete",
    };
    const reports = moving.reports.map((report) => ({ ...report, progress }) as never);
    const status = statusOf({ ...moving, reports });
    expect(status.operation).to.deep.include({ type: "ScaleUp", node: "demo-3", phase: "transfer" });
    expect(status.operation!.message).to.include("3 of 8 copies are complete; 5 copies");
    const handing = statusOf(resizing({ size: 3, pods: 4, members: [0, 1, 2], left: { 3: 12 } }));
    expect([handing.phase, handing.operation?.phase]).to.deep.equal(["Scaling", "handover"]);
    expect(handing.conditions!.find(({ type }) => type === "Degraded")!.status).to.equal("False");
  });

  it("does not call a cluster degraded for a new pod that finds no place, but for a member that is silent", () => {
    const place = (pod: number, members: readonly number[]) =>
      resizing({ size: 4, pods: 4, members, sketches: { [pod]: { missing: "pod", ready: false } } });
    const stuck = statusOf(place(3, [0, 1, 2]));
    expect(stuck).to.include({ phase: "Scaling", readyNodes: 3 });
    expect(stuck.message).to.include("demo-3");
    const isMember = (status: typeof stuck) => status.nodes!.map(({ member }) => member);
    expect(isMember(stuck)).to.deep.equal([true, true, true, false]);
    const down = statusOf(place(3, [0, 1, 2, 3]));
    expect(down.phase).to.equal("Degraded");
    expect(isMember(down)).to.deep.equal([true, true, true, true]);
  });

  it("calls a cluster degraded one of whose members has no pod, though every pod answers, and says what to do", () => {
    const stranger = { id: "99999999-0000-4000-8000-000000000000", hasRing: false } as const;
    const missing = resizing({
      size: 3,
      pods: 3,
      members: [0, 1, 7],
      sketches: { 2: stranger },
      claimsMax: 4,
    });
    expect(statusOf(missing).phase).to.equal("Degraded");
    expect(condition(missing, "Ready").status).to.equal("False");
    expect(condition(missing, "Degraded")).to.include({ status: "True", reason: "MembersMissing" });
    expect(condition(missing, "Degraded").message).to.include("1 of 3").and.include("dynamokv ring replace");
    const returning = resizing({
      size: 3,
      pods: 3,
      members: [0, 1, 2],
      unheard: [2],
      sketches: { 2: stranger },
    });
    expect(condition(returning, "Degraded").message).to.include("demo-2 takes its place again");
    const zones = resizing({ size: 3, pods: 3, members: [0, 1, 2], spec: { zones: ["a", "b", "c"] } });
    const replaced = { ...zones, statefulSets: zones.statefulSets.slice(0, 2) };
    expect(condition(replaced, "Degraded").status).to.equal("False");
  });

  it("does not call a cluster degraded for a node that joins and has yet to hear of it", () => {
    const joining = (phase: "transfer" | "flipped") =>
      resizing({
        size: 4,
        pods: 4,
        members: [0, 1, 2, 3],
        joining: [3],
        phase,
        sketches: { 3: { state: "no_ring" } },
      });
    expect(statusOf(joining("transfer")).phase).to.equal("Scaling");
    expect(statusOf(joining("flipped")).phase).to.equal("Degraded");
    const silent = resizing({
      size: 4,
      pods: 4,
      members: [0, 1, 2, 3],
      joining: [3],
      sketches: { 3: SILENT },
    });
    expect(statusOf(silent).phase).to.equal("Scaling");
    const leaving = resizing({
      size: 3,
      pods: 4,
      members: [0, 1, 2, 3],
      leaving: [3],
      phase: "flipped",
      sketches: { 3: { state: "left" } },
    });
    expect(statusOf(leaving).phase).to.equal("Scaling");
  });

  it("says who has no room for a smaller size", () => {
    const full = resizing({ size: 3, pods: 4, members: [0, 1, 2, 3], freeBytes: 1_000 });
    const preview = { kind: "planned", plan: leavePlan({ 2: 5_000_000 }) } as const;
    const { reason, message } = condition({ ...full, preview }, "SizeAsAsked");
    expect(reason).to.equal("NoRoom");
    expect(message).to.include("demo-2");
    expect(condition({ ...full, preview }, "Ready")).to.include({ status: "False", reason: "NoRoom" });
    expect(statusOf({ ...full, preview }).message).to.include("demo-2");
  });

  it("shows what a person has to do before what it waits for", () => {
    const byHand = resizing({ size: 4, pods: 4, members: [0, 2, 3], left: { 1: 0 }, marked: [1] });
    expect(statusOf(byHand).message).to.include("kubectl delete pvc/data-demo-1");
  });

  it("says where the zones have different numbers of nodes, and is Ready all the same", () => {
    const zones = ["a", "b"];
    const inZones = (counts: readonly string[]) => {
      const observed = observedOf(clusterOf({ size: counts.length, zones }));
      const members = counts.map((zone, index) => ({ id: nodeIdOf(index), zone, state: "active" }));
      const reports = observed.reports.map((report) => ({ ...report, ring: { ...ringIn(report), members } }));
      return { ...observed, reports } as never;
    };
    const ringIn = (report: ObservedState["reports"][number]) => (report.answered ? report.ring! : undefined);
    expect(condition(inZones(["a", "a", "b"]), "ZonesUnbalanced")).to.include({
      status: "True",
      reason: "UnequalZones",
    });
    expect(condition(inZones(["a", "a", "b"]), "ZonesUnbalanced").message).to.include("a 2, b 1");
    expect(condition(inZones(["a", "a", "b"]), "Ready").status).to.equal("True");
    expect(condition(inZones(["a", "a", "b", "b"]), "ZonesUnbalanced").reason).to.equal("Balanced");
    expect(condition(observedOf(), "ZonesUnbalanced").reason).to.equal("NoZones");
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
    const down = observedOf(clusterOf(), [SILENT]);
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
