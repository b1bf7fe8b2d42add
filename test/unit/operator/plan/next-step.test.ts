import { expect } from "chai";
import fc from "fast-check";
import { nextStep } from "../../../../operator/plan/next-step.ts";
import type { ObservedState } from "../../../../operator/observe/observed-state.ts";
import { clusterOf, nodeIdOf, observedOf, type SketchedNode, SILENT } from "../observed-cluster.ts";
import { type Resizing, resizing } from "../resizing-cluster.ts";

describe("operator: next step", () => {
  it("is none for a healthy cluster", () => {
    expect(nextStep(observedOf())).to.deep.equal({ kind: "none" });
  });

  it("waits for every pod before it forms a ring, and says for which", () => {
    const step = nextStep(
      observedOf(clusterOf(), [{ hasRing: false }, { hasRing: false }, { missing: "pod" }]),
    );
    expect(step).to.include({ kind: "wait", reason: "ForPods" });
    expect(step).to.have.property("message").that.includes("demo-2: its pod does not exist yet");
  });

  it("forms the ring of all nodes when none has one", () => {
    const fresh = { hasRing: false };
    expect(nextStep(observedOf(clusterOf(), [fresh, fresh, fresh]))).to.deep.equal({
      kind: "form_ring",
      via: "demo-0",
      members: [nodeIdOf(0), nodeIdOf(1), nodeIdOf(2)],
      clusterId: "demo-11111111",
    });
  });

  it("never forms a ring while any node has one", () => {
    const some: fc.Arbitrary<SketchedNode> = fc.record({
      hasRing: fc.boolean(),
      missing: fc.constantFrom(undefined, "pod", "answer") as fc.Arbitrary<"pod">,
      ready: fc.boolean(),
      upToDate: fc.boolean(),
      terminating: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(some, { minLength: 2, maxLength: 2 }), (others) => {
        expect(nextStep(observedOf(clusterOf(), [{ hasRing: true }, ...others])).kind).not.to.equal(
          "form_ring",
        );
      }),
    );
  });

  it("does nothing while the cluster is paused", () => {
    const step = nextStep(observedOf(clusterOf({ paused: true }), [{ upToDate: false }]));
    expect(step).to.include({ kind: "wait", reason: "Paused" });
  });

  it("stops at two rings of one epoch and at nodes of two clusters", () => {
    const forked = nextStep(observedOf(clusterOf(), [{}, { ringHash: "other" }]));
    expect(forked).to.include({ kind: "wait", reason: "RingConflict" });
    const mixed = nextStep(observedOf(clusterOf(), [{}, { clusterId: "elsewhere", upToDate: false }]));
    expect(mixed).to.include({ kind: "wait", reason: "RingConflict" });
  });

  it("grows volumes before it looks at the nodes' health", () => {
    const full = { volume: "5Gi", ready: false, missing: "answer" } as const;
    const step = nextStep(observedOf(clusterOf(), [full, {}, {}]));
    expect(step).to.deep.equal({ kind: "grow_claim", claim: "data-demo-0", size: "10Gi" });
  });

  it("waits for a claim to have its volume before it grows it, which Kubernetes refuses before", () => {
    const observed = observedOf(clusterOf(), [{}, {}, { volume: "5Gi", missing: "pod" }]);
    const unbound = observed.claims.map((claim, index) =>
      index === 2
        ? { ...claim, spec: { ...claim.spec, volumeName: "" }, status: { phase: "Pending" } }
        : claim,
    );
    expect(nextStep({ ...observed, claims: unbound })).to.include({ kind: "wait", reason: "ForPods" });
    expect(nextStep(observed)).to.include({ kind: "grow_claim", claim: "data-demo-2" });
  });

  it("finds a size again that the API server writes in other words", () => {
    const sized = (size: string, kept: string): ObservedState => {
      const observed = observedOf(
        clusterOf({ storage: { size, reclaimPolicy: "Retain", whenScaled: "Delete" } }),
      );
      const requests = { storage: kept };
      const statefulSets = observed.statefulSets.map((set) => ({
        ...set,
        spec: { ...set.spec!, volumeClaimTemplates: [{ spec: { resources: { requests } } }] },
      }));
      const claims = observed.claims.map((claim) => ({
        ...claim,
        spec: { ...claim.spec, resources: { requests } },
      }));
      return { ...observed, statefulSets, claims };
    };
    for (const [size, kept] of [
      ["1.4Gi", "1503238553600m"],
      ["1e10", "10e9"],
      ["0.7Ti", "769658139443200m"],
    ] as const)
      expect(nextStep(sized(size, kept)).kind, size).to.equal("none");
    expect(nextStep(sized("1.4Gi", "1503238553m")).kind).to.equal("grow_claim");
  });

  it("takes back a size that no volume was given, where Kubernetes allows that", () => {
    const asked = observedOf(
      clusterOf({ storage: { size: "9Ti", reclaimPolicy: "Retain", whenScaled: "Delete" } }),
    );
    const { cluster } = observedOf();
    const claims = (reached: string) =>
      asked.claims.map((claim) => ({ ...claim, status: { capacity: { storage: reached } } }));
    const step = nextStep({ ...asked, cluster, claims: claims("5Gi") });
    expect(step).to.deep.equal({ kind: "grow_claim", claim: "data-demo-0", size: "10Gi" });
    expect(nextStep({ ...asked, cluster, claims: claims("10Gi") }).kind).to.equal("replace_stateful_set");
  });

  it("replaces the StatefulSet once all claims have grown", () => {
    const small = observedOf(
      clusterOf({ storage: { size: "5Gi", reclaimPolicy: "Retain", whenScaled: "Delete" } }),
    );
    const { cluster } = observedOf();
    const claims = observedOf().claims;
    const step = nextStep({ ...small, cluster, claims });
    expect(step).to.include({ kind: "replace_stateful_set", name: "demo", uid: "uid-of-demo" });
  });
});

describe("operator: rollout", () => {
  const outdated = { upToDate: false };

  it("replaces a broken pod of an old template at once, whatever the others do", () => {
    const step = nextStep(
      observedOf(clusterOf(), [outdated, { ...outdated, ready: false }, { hintsPending: 9, ...outdated }]),
    );
    expect(step).to.include({
      kind: "restart_pod",
      pod: "demo-1",
      how: "delete",
      uid: "uid-of-demo-1",
      resourceVersion: "7",
    });
  });

  it("evicts a healthy pod of an old template when all nodes are level", () => {
    const step = nextStep(observedOf(clusterOf(), [{}, outdated, outdated]));
    expect(step).to.include({ kind: "restart_pod", pod: "demo-1", how: "evict" });
  });

  for (const [what, sketch] of [
    ["a pod is being replaced", { terminating: true }],
    ["a node is not ready", { ready: false }],
    ["a node does not answer", { missing: "answer" }],
    ["a node recovers", { state: "recovering" }],
    ["a node keeps hints", { hintsPending: 1 }],
    ["the youngest node was not compared since it started", { uptimeSeconds: 4 }],
  ] as const satisfies readonly (readonly [string, SketchedNode])[]) {
    it(`takes no healthy pod away while ${what}`, () => {
      const step = nextStep(observedOf(clusterOf(), [outdated, outdated, sketch]));
      expect(step).to.include({ kind: "wait", reason: "ForConvergence" });
    });
  }

  for (const [what, spec] of [
    ["nodes in a long ring", { size: 9 }],
    ["nodes of one zone", { size: 6, zones: ["a", "b", "c"] }],
    ["nodes of keys with one copy", { size: 3, replication: { factor: 1, readQuorum: 1, writeQuorum: 1 } }],
  ] as const) {
    it(`waits for no comparison of two that have no key in common: ${what}`, () => {
      const sketches = Array.from({ length: spec.size }, () => outdated);
      const observed = observedOf(clusterOf(spec), sketches);
      const compared = observed.reports.map(
        (report) => report.answered && Object.keys(report.status.antiEntropy.lastExchange).length,
      );
      expect(Math.max(...compared.map(Number))).to.be.lessThan(spec.size - 1);
      expect(nextStep(observed)).to.include({ kind: "restart_pod", how: "evict" });
    });
  }

  it("takes no healthy pod away while any node is not level, whoever started after it", () => {
    const zones = ["a", "b", "c"];
    const sketches = Array.from({ length: 6 }, (_, index) => ({
      ...outdated,
      ...(index === 0 ? { uptimeSeconds: 61 } : index === 1 ? { uptimeSeconds: 60 } : {}),
    }));
    const observed = observedOf(clusterOf({ size: 6, zones }), sketches);
    expect(nextStep(observed)).to.include({ kind: "restart_pod" });
    const [first] = observed.reports;
    const id = first!.answered ? first!.status.node.id : "";
    const reports = observed.reports.map((report) => {
      if (!report.answered || report.status.antiEntropy.lastExchange[id] === undefined) return report;
      const failed = { ...report.status.antiEntropy.lastExchange[id], outcome: "failed" as const };
      const antiEntropy = { lastExchange: { ...report.status.antiEntropy.lastExchange, [id]: failed } };
      return { ...report, status: { ...report.status, antiEntropy } };
    });
    const step = nextStep({ ...observed, reports });
    expect(step).to.include({ kind: "wait", reason: "ForConvergence" });
    expect(JSON.stringify(step)).to.contain("demo-a-0 started 61 s ago");
  });

  it("takes the word of either of two that started in the same second", () => {
    const observed = observedOf(clusterOf(), [outdated, outdated, outdated]);
    const [, second] = observed.reports;
    const id = second!.answered ? second!.status.node.id : "";
    const reports = observed.reports.map((report) => {
      if (!report.answered || report.pod !== "demo-0") return report;
      const { [id]: _, ...lastExchange } = report.status.antiEntropy.lastExchange;
      return { ...report, status: { ...report.status, antiEntropy: { lastExchange } } };
    });
    expect(nextStep({ ...observed, reports })).to.include({ kind: "restart_pod" });
  });

  it("never takes a healthy pod away while another is away", () => {
    const some: fc.Arbitrary<SketchedNode> = fc.record({
      ready: fc.boolean(),
      upToDate: fc.boolean(),
      terminating: fc.boolean(),
      hintsPending: fc.constantFrom(0, 1),
    });
    fc.assert(
      fc.property(fc.array(some, { minLength: 3, maxLength: 3 }), (sketches) => {
        const step = nextStep(observedOf(clusterOf(), sketches));
        if (step.kind !== "restart_pod") return;
        const chosen = sketches[Number(step.pod.slice(-1))]!;
        expect(chosen.upToDate).to.equal(false);
        const others = sketches.filter((sketch) => sketch !== chosen);
        const othersAreWell = others.every(
          ({ ready, terminating }) => ready === true && terminating !== true,
        );
        expect(chosen.ready === false || othersAreWell, JSON.stringify(sketches)).to.equal(true);
      }),
    );
  });
});

describe("operator: a StatefulSet that is being made anew", () => {
  it("is waited for: the nodes of the others are not the whole cluster", () => {
    const zones = ["a", "b"];
    const spec = { size: 2, zones, replication: { factor: 2, readQuorum: 1, writeQuorum: 1 } };
    const observed = observedOf(clusterOf(spec), [{ upToDate: false }, { missing: "answer" }]);
    const statefulSets = observed.statefulSets.filter(({ metadata }) => metadata?.name === "demo-a");
    expect(nextStep({ ...observed, statefulSets })).to.include({ kind: "wait", reason: "ForPods" });
    const unformed = observedOf(clusterOf(spec), [{ hasRing: false }, { hasRing: false }]);
    expect(nextStep(unformed).kind).to.equal("form_ring");
    expect(nextStep({ ...unformed, statefulSets })).to.include({ kind: "wait", reason: "ForPods" });
  });
});

describe("operator: a lost volume", () => {
  const stranger = { id: "99999999-0000-4000-8000-000000000000", hasRing: false, state: "no_ring" } as const;

  it("is healed by giving the empty node the id of the member that was at its address", () => {
    const step = nextStep(observedOf(clusterOf(), [{}, stranger, {}]));
    expect(step).to.deep.equal({ kind: "adopt_identity", pod: "demo-1", id: nodeIdOf(1) });
  });

  describe("of which nobody remembers where it was", () => {
    const forgotten = (given: Partial<Resizing> = {}): ObservedState =>
      resizing({ size: 3, pods: 3, members: [0, 1, 2], unheard: [1], sketches: { 1: stranger }, ...given });

    it("is healed where one member and one place are left over", () => {
      expect(nextStep(forgotten())).to.deep.equal({ kind: "adopt_identity", pod: "demo-1", id: nodeIdOf(1) });
    });

    it("is not where the member may come back elsewhere, or the place may be another's", () => {
      const spare = { id: "99999999-0000-4000-8000-000000000099", hasRing: false, state: "no_ring" } as const;
      const cases: [string, Partial<Resizing>][] = [
        ["two strangers", { size: 4, pods: 4, sketches: { 1: stranger, 3: spare } }],
        ["two members", { members: [0, 1, 2, 7] }],
        ["a silent pod", { size: 4, pods: 4, sketches: { 1: stranger, 3: SILENT } }],
        ["a claim without a pod", { claimsMax: 4 }],
        ["a change under way", { size: 4, pods: 4, members: [0, 1, 2, 3], joining: [3] }],
      ];
      for (const [why, given] of cases)
        expect(nextStep(forgotten(given)).kind, why).to.not.equal("adopt_identity");
      expect(nextStep(forgotten({ claimsMax: 4, marked: [3] })).kind).to.equal("adopt_identity");
      // The note is of an earlier time: the claim's node has joined since, and is the one that is missing.
      const noted = forgotten({ members: [0, 2, 3], claimsMax: 4, marked: [3] });
      expect(nextStep(noted).kind).to.not.equal("adopt_identity");
    });

    it("is by a node of the member's zone alone: the StatefulSet of another may be away while it is replaced", () => {
      const zones = ["a", "b", "c"];
      // Pods, zone by zone: a-0 a-1, b-0, c-0.
      const given = { size: 4, pods: 4, members: [0, 2, 3], unheard: [3], spec: { zones } };
      const lost = forgotten({ ...given, sketches: { 1: stranger, 3: SILENT } });
      const statefulSets = lost.statefulSets.filter(({ metadata }) => metadata?.name !== "demo-c");
      expect(nextStep({ ...lost, statefulSets }).kind).to.not.equal("adopt_identity");
      const three = { size: 3, pods: 3, spec: { zones } };
      expect(nextStep(forgotten(three)).kind).to.equal("adopt_identity");
    });
  });

  it("takes no node that has left for one of those that have to be there", () => {
    const observed = resizing({
      size: 4,
      pods: 4,
      members: [0, 1, 2],
      left: { 3: 12 },
      sketches: { 1: stranger, 2: SILENT },
    });
    const reports = observed.reports.map((report) =>
      report.answered
        ? { ...report, members: report.members.map((member) => ({ ...member, reachable: false })) }
        : report,
    );
    expect(nextStep({ ...observed, reports })).to.include({ kind: "wait", reason: "ForNodes" });
  });

  it("waits while another member is silent as well", () => {
    const step = nextStep(observedOf(clusterOf(), [{ missing: "answer" }, stranger, {}]));
    expect(step).to.include({ kind: "wait", reason: "ForNodes" });
  });

  it("does not take the place of a member that is still reached", () => {
    const observed = observedOf(clusterOf(), [{}, stranger, {}]);
    const reports = observed.reports.map((report) =>
      report.answered
        ? { ...report, members: report.members.map((member) => ({ ...member, reachable: true })) }
        : report,
    );
    expect(nextStep({ ...observed, reports }).kind).to.equal("wait");
  });
});
