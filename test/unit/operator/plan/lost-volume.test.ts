import { expect } from "chai";
import { SILENT } from "../observed-cluster.ts";
import { LOST_CLAIM } from "../../../../operator/api/v1alpha1/annotations.ts";
import type { ObservedState } from "../../../../operator/observe/observed-state.ts";
import { nextStep } from "../../../../operator/plan/next-step.ts";
import { type Resizing, resizing } from "../resizing-cluster.ts";

/** demo-1 does not answer; its volume is bound to a host that is gone. Nobody reaches it. */
function lost(given: Partial<Resizing> = {}): ObservedState {
  const sketches = { 1: SILENT, ...given.sketches } as const;
  const observed = resizing({ size: 3, pods: 3, members: [0, 1, 2], ...given, sketches });
  return { ...observed, lostClaims: ["data-demo-1"], reports: unreached(observed) };
}

function unreached({ reports }: ObservedState): ObservedState["reports"] {
  return reports.map((report) =>
    report.answered
      ? {
          ...report,
          members: report.members.map((member) => ({
            ...member,
            reachable: !member.address.startsWith("demo-1."),
          })),
        }
      : report,
  );
}

describe("operator: a volume that is lost with its host", () => {
  it("is replaced, and its pod with it", () => {
    const step = nextStep(lost());
    expect(step).to.deep.include({
      kind: "replace_volume",
      pod: "demo-1",
      podUid: "uid-of-demo-1",
      claim: "data-demo-1",
      claimUid: "uid-of-data-demo-1",
    });
  });

  it("is also one that a person noted on the claim, and no other that is silent", () => {
    const { lostClaims: _, ...observed } = lost();
    expect(nextStep(observed).kind).to.equal("wait");
    const claims = observed.claims.map((claim) =>
      claim.metadata?.name === "data-demo-1"
        ? { ...claim, metadata: { ...claim.metadata, annotations: { [LOST_CLAIM]: "true" } } }
        : claim,
    );
    expect(nextStep({ ...observed, claims }).kind).to.equal("replace_volume");
  });

  it("waits while anything else is not in order, and says for what", () => {
    const cases: [string, Partial<Resizing>][] = [
      ["demo-2 serves", { sketches: { 2: SILENT } }],
      ["demo-0 serves", { sketches: { 0: { state: "recovering" } } }],
      ["a person deletes", { spec: { replication: { factor: 1, readQuorum: 1, writeQuorum: 1 } } }],
      ["all 4 members have a pod", { members: [0, 1, 2, 3] }],
    ];
    for (const [why, given] of cases) {
      const step = nextStep(lost(given));
      expect(step, why).to.include({ kind: "wait", reason: "ForNodes" });
      expect(step).to.have.property("message").that.includes(why);
    }
    expect(nextStep(lost({ members: [0, 1, 2], leaving: [2], size: 2 }))).to.include({
      reason: "ForRingChange",
    });
    const observed = resizing({ size: 3, pods: 3, members: [0, 1, 2], sketches: { 1: SILENT } });
    const reached = nextStep({ ...observed, lostClaims: ["data-demo-1"] });
    expect(reached).to.have.property("message").that.includes("reach the old node");
  });

  it("is replaced too where its node is no member: as that of a spare, or of one that has left", () => {
    const joining = { size: 4, pods: 4, members: [0, 1, 2] };
    const observed = resizing({ ...joining, sketches: { 3: SILENT } });
    const unheard = observed.reports.map((report) =>
      report.answered
        ? { ...report, members: report.members.map((each) => ({ ...each, reachable: false })) }
        : report,
    );
    const gone = { ...observed, lostClaims: ["data-demo-3"], reports: unheard };
    expect(nextStep(gone)).to.include({ kind: "replace_volume", pod: "demo-3", claim: "data-demo-3" });
    const reached = nextStep({ ...gone, reports: observed.reports });
    expect(reached).to.have.property("message").that.includes("reach the old node");
    // Demo-3 may be one of two members that nobody knows at any pod.
    const unknown = resizing({ ...joining, members: [0, 1, 2, 7, 8], sketches: { 3: SILENT } });
    expect(nextStep({ ...unknown, lostClaims: ["data-demo-3"] }).kind).to.equal("wait");
  });

  it("is replaced after a power cut, too, when nobody remembers where its node was, and it is the only one missing", () => {
    const forgotten = lost({ unheard: [1] });
    expect(nextStep(forgotten)).to.include({ kind: "replace_volume", pod: "demo-1" });
    expect(nextStep(lost({ unheard: [1, 2], sketches: { 2: SILENT } })).kind).to.equal("wait");
    expect(nextStep(lost({ unheard: [1, 3], departed: [3] })).kind, "or one that has left").to.equal("wait");
  });

  it("takes a join back that waits for it, and no leave, which does not", () => {
    const given = { size: 4, pods: 4, members: [0, 1, 2, 3], sketches: { 3: SILENT } };
    const of = (change: Partial<Resizing>): ObservedState => ({
      ...resizing({ ...given, ...change }),
      lostClaims: ["data-demo-3"],
    });
    const step = nextStep(of({ joining: [3] }));
    expect(step).to.include({ kind: "cancel_change", changeId: "operator-join-0.6", via: "demo-0" });
    expect(step).to.have.property("why").that.includes("lost with its host");
    expect(nextStep(of({ joining: [3], phase: "flipped" }))).to.include({ reason: "ForRingChange" });
    expect(nextStep(of({ joining: [3], changeId: "join-1a2b" }))).to.include({ reason: "ForRingChange" });
    expect(nextStep(of({ size: 3, leaving: [3] }))).to.include({ reason: "ForRingChange" });
  });

  it("is not replaced while its node answers, and not a second time while its claim goes", () => {
    const answers = resizing({ size: 3, pods: 3, members: [0, 1, 2] });
    expect(nextStep({ ...answers, lostClaims: ["data-demo-1"] }).kind).to.equal("none");
    const going = lost({ sketches: { 1: { missing: "answer", ready: false, terminating: true } } });
    const claims = going.claims.map((claim) => ({
      ...claim,
      metadata: { ...claim.metadata, deletionTimestamp: new Date(0) },
    }));
    expect(nextStep({ ...going, claims }).kind).to.equal("wait");
  });
});
