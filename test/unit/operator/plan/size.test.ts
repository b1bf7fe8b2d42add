import { expect } from "chai";
import { LEFT_CLAIM } from "../../../../operator/api/v1alpha1/annotations.ts";
import { existingPods } from "../../../../operator/plan/existing-pods.ts";
import { nextStep } from "../../../../operator/plan/next-step.ts";
import { leaveToPreview, sizeObstacle } from "../../../../operator/plan/size.ts";
import { nodeViews } from "../../../../operator/observe/node-view.ts";
import type { ObservedState } from "../../../../operator/observe/observed-state.ts";
import { nodeIdOf, SILENT } from "../observed-cluster.ts";
import { leavePlan, type Resizing, resizing, withoutVolume } from "../resizing-cluster.ts";

const KEPT = { storage: { size: "10Gi", reclaimPolicy: "Retain", whenScaled: "Retain" } } as const;

function views(observed: ObservedState): ReturnType<typeof nodeViews> {
  return nodeViews(observed, existingPods(observed));
}

function withRoom(observed: ObservedState): ObservedState {
  return { ...observed, preview: { kind: "planned", plan: leavePlan({ 0: 1_000, 1: 1_000, 2: 1_000 }) } };
}

describe("operator: a larger size", () => {
  it("first makes the pods", () => {
    const step = nextStep(resizing({ size: 5, pods: 3, members: [0, 1, 2] }));
    expect(step).to.deep.equal({
      kind: "scale_stateful_set",
      name: "demo",
      uid: "uid-of-demo",
      resourceVersion: "9",
      from: 3,
      to: 5,
    });
  });

  it("lets all new nodes join in one change, once each of them answers", () => {
    const waiting = resizing({
      size: 5,
      pods: 5,
      members: [0, 1, 2],
      sketches: { 4: { missing: "answer" } },
    });
    const wait = nextStep(waiting);
    expect(wait).to.include({ kind: "wait", reason: "ForPods" });
    expect(nextStep(resizing({ size: 5, pods: 5, members: [0, 1, 2] }))).to.deep.equal({
      kind: "begin_change",
      changeId: "operator-join-0.7",
      type: "join",
      via: "demo-0",
      generation: 0,
      epoch: 7,
      joining: [nodeIdOf(3), nodeIdOf(4)],
      leaving: [],
      pods: ["demo-3", "demo-4"],
    });
  });

  it("begins nothing while a member does not serve, or has yet to take over the ring", () => {
    const down = resizing({ size: 4, pods: 4, members: [0, 1, 2], sketches: { 1: { missing: "answer" } } });
    expect(nextStep(down)).to.include({ kind: "wait", reason: "ForPods" });
    const recovering = resizing({
      size: 4,
      pods: 4,
      members: [0, 1, 2],
      sketches: { 1: { state: "recovering" } },
    });
    expect(nextStep(recovering)).to.include({ kind: "wait" });
  });

  it("waits for a change to its end, and replaces no healthy pod meanwhile", () => {
    const step = nextStep(
      resizing({
        size: 4,
        pods: 4,
        members: [0, 1, 2, 3],
        joining: [3],
        sketches: { 0: { upToDate: false } },
      }),
    );
    expect(step).to.include({ kind: "wait", reason: "ForRingChange" });
  });

  it("is at rest when it is reached", () => {
    expect(nextStep(resizing({ size: 4, pods: 4, members: [0, 1, 2, 3] }))).to.include({ kind: "none" });
  });

  it("brings the pod of a node back that has left and hands over, where it has its volume", () => {
    const given = { size: 4, pods: 5, members: [0, 1, 2, 3], departed: [4] } as const;
    const scaledAway = (more: Partial<Resizing>): ObservedState => {
      const { statefulSets, pods, reports, ...rest } = resizing({ ...given, ...more });
      const sets = statefulSets.map((set) => ({ ...set, spec: { ...set.spec!, replicas: 4 } }));
      const stay = (name: string | undefined): boolean => name !== "demo-4";
      return {
        ...rest,
        statefulSets: sets,
        pods: pods.filter(({ metadata }) => stay(metadata?.name)),
        reports: reports.filter(({ pod }) => stay(pod)),
      };
    };
    for (const unheard of [[], [4]])
      expect(nextStep(scaledAway({ unheard })), String(unheard)).to.include({
        kind: "scale_stateful_set",
        to: 5,
      });
    // Its volume is gone, or another node's that has left: nothing would come back with it.
    const { claims, ...without } = scaledAway({});
    const others = claims.filter(({ metadata }) => metadata?.name !== "data-demo-4");
    expect(nextStep({ ...without, claims: others }).kind).to.equal("none");
    // There is a silent pod that may be it.
    const place = scaledAway({ unheard: [4, 3], members: [0, 1, 2], sketches: { 3: SILENT } });
    expect(nextStep(place).kind).to.equal("wait");
  });

  it("brings pods back in the middle of a change, which waits for them, and gets no new ones for it", () => {
    const moving = resizing({ size: 6, pods: 5, members: [0, 1, 2, 3, 4], leaving: [3, 4] });
    expect(nextStep({ ...moving, cluster: resizing({ size: 3, pods: 3, members: [] }).cluster })).to.include({
      reason: "ForRingChange",
    });
    const { statefulSets, pods, reports, ...rest } = resizing({
      size: 3,
      pods: 5,
      members: [0, 1, 2, 3, 4],
      leaving: [3, 4],
    });
    const three = {
      ...rest,
      statefulSets: statefulSets.map((set) => ({ ...set, spec: { ...set.spec!, replicas: 3 } })),
      pods: pods.slice(0, 3),
      reports: reports.slice(0, 3),
    };
    expect(nextStep(three)).to.include({ kind: "scale_stateful_set", from: 3, to: 5 });
  });

  it("believes a node where it answers, not where others remember it", () => {
    const observed = resizing({ size: 3, pods: 3, members: [0, 1, 2] });
    const reports = observed.reports.map((report) =>
      report.answered && report.pod === "demo-1"
        ? {
            ...report,
            members: report.members.map((member) =>
              member.id === nodeIdOf(2)
                ? { ...member, address: "demo-4.demo-nodes.shop.svc:7080", reachable: false }
                : member,
            ),
          }
        : report,
    );
    expect(nextStep({ ...observed, reports }).kind).to.equal("none");
  });

  it("brings the pods of members back that somebody scaled away", () => {
    const scaledAway = resizing({ size: 3, pods: 3, members: [0, 1, 2] });
    const sets = scaledAway.statefulSets.map((set) => ({ ...set, spec: { ...set.spec!, replicas: 2 } }));
    expect(nextStep({ ...scaledAway, statefulSets: sets })).to.include({ kind: "scale_stateful_set", to: 3 });
  });
});

describe("operator: a smaller size", () => {
  const before = resizing({ size: 3, pods: 5, members: [0, 1, 2, 3, 4] });

  it("asks what a leave would move before it begins", () => {
    expect(leaveToPreview(before, views(before))).to.deep.include({
      leaving: [nodeIdOf(3), nodeIdOf(4)],
      via: "demo-0",
    });
    expect(nextStep(before).kind).to.equal("none");
    expect(nextStep(withRoom(before))).to.deep.include({
      kind: "begin_change",
      type: "leave",
      changeId: "operator-leave-0.7",
      leaving: [nodeIdOf(3), nodeIdOf(4)],
    });
  });

  it("does not begin where those that stay have no room, and says how much is missing where", () => {
    const full = resizing({ size: 3, pods: 5, members: [0, 1, 2, 3, 4], freeBytes: 200 * 2 ** 20 });
    const enough = { ...full, preview: { kind: "planned", plan: leavePlan({ 1: 59 * 2 ** 20 }) } as const };
    expect(nextStep(enough).kind).to.equal("begin_change");
    const short = { ...full, preview: { kind: "planned", plan: leavePlan({ 1: 61 * 2 ** 20 }) } as const };
    expect(nextStep(short).kind).to.equal("none");
    const obstacle = sizeObstacle(short, views(short));
    expect(obstacle?.reason).to.equal("NoRoom");
    expect(obstacle?.message).to.include("demo-1").and.include("61 MiB").and.include("storage.size");
    const refused = { ...full, preview: { kind: "refused", message: "2 members would be left" } as const };
    expect(nextStep(refused).kind).to.equal("none");
    expect(sizeObstacle(refused, views(refused))?.message).to.include("2 members would be left");
  });

  it("waits until a node that has left has handed everything over, notes that, and only then takes its pod", () => {
    const keeping = resizing({ size: 3, pods: 4, members: [0, 1, 2], left: { 3: 12 } });
    expect(nextStep(keeping)).to.include({ kind: "wait", reason: "ForHandover" });
    const done = { size: 3, pods: 4, members: [0, 1, 2], left: { 3: 0 } };
    expect(nextStep(resizing(done))).to.deep.equal({
      kind: "mark_claim",
      claim: "data-demo-3",
      uid: "uid-of-data-demo-3",
      node: nodeIdOf(3),
    });
    expect(nextStep(resizing({ ...done, marked: [3] }))).to.include({
      kind: "scale_stateful_set",
      from: 4,
      to: 3,
    });
  });

  it("deletes the claim of a node that left where the policy says so, after its pod is gone, and no other claim", () => {
    const gone = { size: 3, pods: 3, members: [0, 1, 2], claimsMax: 5 };
    expect(nextStep(resizing(gone)).kind, "not noted").to.equal("none");
    expect(nextStep(resizing({ ...gone, marked: [4] }))).to.include({
      kind: "delete_claim",
      claim: "data-demo-4",
      uid: "uid-of-data-demo-4",
      resourceVersion: "3",
    });
    expect(nextStep(resizing({ ...gone, marked: [4], spec: KEPT })).kind).to.equal("none");
    // The note is of an earlier time, when its node was no member yet.
    expect(nextStep(resizing({ ...gone, marked: [4], departed: [4] })).kind).to.not.equal("delete_claim");
    const still = resizing({ size: 3, pods: 4, members: [0, 1, 2], left: { 3: 0 }, marked: [3] });
    expect(nextStep(still).kind, "its pod is there").to.equal("scale_stateful_set");
  });
});

describe("operator: a change of mind about the size", () => {
  it("takes back a leave that still moves data, and a join", () => {
    const leaving = resizing({ size: 5, pods: 5, members: [0, 1, 2, 3, 4], leaving: [3, 4] });
    expect(nextStep(leaving)).to.deep.include({
      kind: "cancel_change",
      changeId: "operator-leave-0.6",
      via: "demo-0",
    });
    const joining = resizing({ size: 3, pods: 4, members: [0, 1, 2, 3], joining: [3] });
    expect(nextStep(joining)).to.deep.include({ kind: "cancel_change", changeId: "operator-join-0.6" });
  });

  it("takes it back by a member that can have something decided", () => {
    const unwanted = { size: 3, pods: 4, members: [0, 1, 2, 3], joining: [3] };
    const full = resizing({ ...unwanted, sketches: { 0: { state: "read_only" } } });
    expect(nextStep(full)).to.include({ kind: "cancel_change", via: "demo-1" });
    const observed = resizing(unwanted);
    const reports = observed.reports.map((report) => {
      if (!report.answered || report.pod !== "demo-0") return report;
      return { ...report, members: report.members.map((each) => ({ ...each, reachable: false })) };
    });
    expect(nextStep({ ...observed, reports })).to.include({ kind: "cancel_change", via: "demo-1" });
    const late = observed.reports.map((report) => {
      if (!report.answered || report.pod !== "demo-0") return report;
      return { ...report, ring: { ...report.ring!, epoch: 5, hash: "before", change: null } };
    });
    expect(nextStep({ ...observed, reports: late })).to.include({ kind: "cancel_change", via: "demo-1" });
  });

  it("lets a change that has flipped end, and somebody else's change alone", () => {
    const flipped = resizing({ size: 5, pods: 5, members: [0, 1, 2, 3, 4], leaving: [4], phase: "flipped" });
    expect(nextStep(flipped)).to.include({ kind: "wait", reason: "ForRingChange" });
    const theirs = resizing({
      size: 5,
      pods: 5,
      members: [0, 1, 2, 3, 4],
      leaving: [4],
      changeId: "leave-1a2b",
    });
    expect(nextStep(theirs)).to.include({ kind: "wait", reason: "ForRingChange" });
  });

  it("removes a node that has left whole before its name is used again, also with a spare above it", () => {
    const again = { size: 5, pods: 5, members: [0, 1, 2], left: { 3: 0 } };
    expect(nextStep(resizing(again))).to.include({ kind: "mark_claim", claim: "data-demo-3" });
    expect(nextStep(resizing({ ...again, marked: [3] }))).to.include({
      kind: "scale_stateful_set",
      from: 5,
      to: 3,
    });
    const names = { size: 5, pods: 3, members: [0, 1, 2], claimsMax: 4, marked: [3] };
    expect(nextStep(resizing(names))).to.include({ kind: "delete_claim", claim: "data-demo-3" });
    expect(nextStep(resizing({ ...names, marked: [] }))).to.include({ kind: "scale_stateful_set", to: 5 });
  });

  it("never deletes the claim of a member, whatever was noted on it", () => {
    const joined = resizing({ size: 4, pods: 4, members: [0, 1, 2, 3], marked: [3] });
    const sets = joined.statefulSets.map((set) => ({ ...set, spec: { ...set.spec!, replicas: 3 } }));
    const pods = joined.pods.filter(({ metadata }) => metadata?.name !== "demo-3");
    const reports = joined.reports.filter(({ pod }) => pod !== "demo-3");
    const scaledAway = { ...joined, statefulSets: sets, pods, reports };
    expect(nextStep(scaledAway)).to.include({ kind: "scale_stateful_set", to: 4 });
    const otherId = joined.claims.map((claim) =>
      claim.metadata?.name === "data-demo-3"
        ? { ...claim, metadata: { ...claim.metadata, annotations: { [LEFT_CLAIM]: nodeIdOf(77) } } }
        : claim,
    );
    expect(nextStep({ ...scaledAway, claims: otherId }).kind).to.not.equal("delete_claim");
  });

  it("lets a broken pod of an old template go first, while the ring changes too", () => {
    const broken = { upToDate: false, ready: false } as const;
    const step = nextStep(
      resizing({ size: 4, pods: 4, members: [0, 1, 2, 3], joining: [3], sketches: { 3: broken } }),
    );
    expect(step).to.include({ kind: "restart_pod", pod: "demo-3" });
  });

  it("says what to do where the claim of a node that left was kept and its name is needed again", () => {
    const kept = resizing({ size: 5, pods: 3, members: [0, 1, 2], claimsMax: 4, marked: [3], spec: KEPT });
    expect(nextStep(kept).kind).to.equal("none");
    const obstacle = sizeObstacle(kept, views(kept));
    expect(obstacle?.reason).to.equal("ClaimRetained");
    expect(obstacle?.message).to.include("kubectl delete pvc/data-demo-3");
  });

  it("takes a pod away that never came up, whatever was heard of one of its name", () => {
    const pending = resizing({ size: 3, pods: 4, members: [0, 1, 2], sketches: { 3: { missing: "pod" } } });
    for (const observed of [pending, withoutVolume(pending)]) {
      expect(nextStep(observed)).to.include({ kind: "scale_stateful_set", to: 3 });
      expect(
        nextStep({ ...observed, cluster: resizing({ size: 4, pods: 4, members: [] }).cluster }).kind,
      ).to.equal("wait");
    }
  });

  it("deletes a claim that never had a volume with the pod that never came up, and none that is asked for", () => {
    const gone = { size: 3, pods: 3, members: [0, 1, 2], claimsMax: 4 };
    expect(nextStep(withoutVolume(resizing(gone)))).to.include({
      kind: "delete_claim",
      claim: "data-demo-3",
    });
    expect(nextStep(withoutVolume(resizing({ ...gone, spec: KEPT }))).kind).to.equal("none");
    // Somebody's own claim, labelled like these.
    for (const name of ["restore", "data-demo-restore", "data-other-3"]) {
      const observed = withoutVolume(resizing(gone));
      const claims = observed.claims.map((claim) =>
        claim.metadata?.name === "data-demo-3" ? { ...claim, metadata: { ...claim.metadata, name } } : claim,
      );
      expect(nextStep({ ...observed, claims }).kind, name).to.equal("none");
    }
    const coming = withoutVolume(
      resizing({ ...gone, pods: 4, size: 4, sketches: { 3: { missing: "pod" } } }),
    );
    expect(nextStep(coming).kind).to.equal("wait");
  });

  it("says what to do with a node that somebody took out of the middle", () => {
    const byHand = resizing({ size: 4, pods: 4, members: [0, 2, 3], left: { 1: 0 }, marked: [1] });
    expect(nextStep(byHand).kind).to.not.equal("scale_stateful_set");
    expect(sizeObstacle(byHand, views(byHand))?.reason).to.equal("NodeLeft");
    // Not while its volume may have what nobody else has, nor where it goes by itself with the pod above it.
    const keeping = resizing({ size: 4, pods: 4, members: [0, 2, 3], left: { 1: 12 } });
    expect(sizeObstacle(keeping, views(keeping))).to.equal(undefined);
    const failed = { size: 5, pods: 5, members: [0, 1, 2], left: { 3: 500 } } as const;
    const takenBack = resizing({ ...failed, departed: [3], sketches: { 4: { missing: "answer" } } });
    expect(sizeObstacle(takenBack, views(takenBack))).to.equal(undefined);
  });
});

describe("operator: sizes over zones", () => {
  const zones = ["a", "b", "c"];

  it("lets the highest pods of each zone leave together", () => {
    // Pods, zone by zone: a-0 a-1, b-0 b-1, c-0 c-1.
    const six = resizing({ size: 3, pods: 6, members: [0, 1, 2, 3, 4, 5], spec: { zones } });
    expect(leaveToPreview(six, views(six))).to.deep.include({ pods: ["demo-a-1", "demo-b-1", "demo-c-1"] });
  });
});
