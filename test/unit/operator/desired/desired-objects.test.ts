import { expect } from "chai";
import { SPEC_HASH, TEMPLATE_HASH } from "../../../../operator/api/v1alpha1/annotations.ts";
import { desiredObjects } from "../../../../operator/desired/desired-objects.ts";
import { disruptionBudget } from "../../../../operator/desired/disruption-budget.ts";
import { statefulSet, templateFor } from "../../../../operator/desired/stateful-set.ts";
import { podNames, zoneShares } from "../../../../operator/desired/zone-plan.ts";
import { clusterOf, IMAGE, observedOf } from "../observed-cluster.ts";

const nothing = { statefulSets: [], pods: [], claims: [], reports: [], now: "2026-01-01T00:00:00Z" };

describe("operator: desired objects", () => {
  it("are the same for the same cluster", () => {
    const twice = [1, 2].map(() => JSON.stringify(desiredObjects(observedOf(), { image: IMAGE })));
    expect(twice[0]).to.equal(twice[1]);
  });

  it("have a budget for drains only where it cannot block one for ever", () => {
    const single = { factor: 1, readQuorum: 1, writeQuorum: 1 };
    expect(disruptionBudget(clusterOf(), 3)?.spec).to.include({ minAvailable: 2 });
    expect(disruptionBudget(clusterOf({ size: 1, replication: single }), 1)).to.equal(undefined);
    expect(disruptionBudget(clusterOf({ size: 3, replication: single }), 3)).to.equal(undefined);
    expect(disruptionBudget(clusterOf({ disruptionBudget: false }), 3)).to.equal(undefined);
  });

  it("are one StatefulSet a zone, its pods bound to the zone, sizes as even as they can be", () => {
    const cluster = clusterOf({ size: 5, zones: ["a", "b", "c"] });
    expect(zoneShares(cluster).map(({ statefulSet: name, nodes }) => `${name} ${nodes}`)).to.deep.equal([
      "demo-a 2",
      "demo-b 2",
      "demo-c 1",
    ]);
    expect(podNames(cluster)).to.deep.equal(["demo-a-0", "demo-a-1", "demo-b-0", "demo-b-1", "demo-c-0"]);
    const sets = desiredObjects({ cluster, ...nothing }, { image: IMAGE }).filter(
      ({ kind }) => kind === "StatefulSet",
    );
    expect(JSON.stringify(sets[1])).to.include(
      '"key":"topology.kubernetes.io/zone","operator":"In","values":["b"]',
    );
  });

  it("pass the restricted pod security standard and hold no token", () => {
    const set = statefulSet(clusterOf(), {
      share: zoneShares(clusterOf())[0]!,
      image: IMAGE,
      live: undefined,
    });
    const pod = set.spec!.template.spec!;
    expect(pod.automountServiceAccountToken).to.equal(false);
    expect(pod.securityContext).to.deep.include({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(pod.containers[0]!.securityContext).to.deep.equal({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });

  it("never let Kubernetes delete a volume on its own", () => {
    const set = statefulSet(clusterOf(), {
      share: zoneShares(clusterOf())[0]!,
      image: IMAGE,
      live: undefined,
    });
    expect(set.spec!.persistentVolumeClaimRetentionPolicy).to.deep.equal({
      whenDeleted: "Retain",
      whenScaled: "Retain",
    });
  });
});

describe("operator: templates", () => {
  const share = zoneShares(clusterOf())[0]!;
  const live = statefulSet(clusterOf(), { share, image: IMAGE, live: undefined });

  it("change with the settings and with the image that the user names", () => {
    const hash = (cluster: ReturnType<typeof clusterOf>) =>
      statefulSet(cluster, { share, image: cluster.spec.image ?? IMAGE, live }).spec!.template.metadata!
        .annotations![TEMPLATE_HASH];
    const before = hash(clusterOf());
    expect(hash(clusterOf({ settings: { logLevel: "debug" } }))).not.to.equal(before);
    expect(hash(clusterOf({ image: "example/dynamokv:2" }))).not.to.equal(before);
    expect(hash(clusterOf({ size: 5 }))).to.equal(before);
  });

  it("stay as they are when only the operator has changed, unless the user wants otherwise", () => {
    const newer = { zone: "", image: "example/dynamokv:2", live };
    expect(templateFor(clusterOf(), newer)).to.include({ isHeldBack: true, template: live.spec!.template });
    expect(templateFor(clusterOf({ updatePolicy: "Automatic" }), newer).isHeldBack).to.equal(false);
    const changed = templateFor(clusterOf({ settings: { logLevel: "debug" } }), newer);
    expect(changed.isHeldBack).to.equal(false);
    expect(changed.specHash).not.to.equal(live.metadata!.annotations![SPEC_HASH]);
  });
});
