import { expect } from "chai";
import { OperatorRig } from "../double/operator-rig.ts";

describe("operator: reconcile", () => {
  let rig: OperatorRig;
  let net = 200;

  beforeEach(() => {
    rig = new OperatorRig((net += 1));
  });

  afterEach(() => rig.stop());

  it("makes a cluster from nothing: objects, one formation, Ready", async () => {
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
    expect(rig.pods.formations).to.have.length(1);
    expect(rig.status).to.include({ readyNodes: 3, size: 3 });
    expect(rig.api.objects.list("PodDisruptionBudget")).to.have.length(1);
  });

  it("changes nothing in a second pass, also that of a new operator", async () => {
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
    await rig.stopOperator();
    const before = rig.api.objects.changes.length;
    await rig.startOperator();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(rig.api.objects.changes.slice(before).map(({ object }) => JSON.stringify(object))).to.deep.equal(
      [],
    );
  });

  it("undoes what somebody else changed of its objects, and leaves what they added", async () => {
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
    rig.api.objects.mergePatch("ConfigMap", "shop", "demo-nodes", {
      data: { DYNAMO_WRITE_QUORUM: "1", MINE: "yes" },
    });
    const data = (): Record<string, string> =>
      rig.api.objects.get("ConfigMap", "shop", "demo-nodes")["data"] as Record<string, string>;
    await rig.until("the quorum is set back", () => data()["DYNAMO_WRITE_QUORUM"] === "2");
    expect(data()["MINE"]).to.equal("yes");
  });

  it("leaves an object alone that is another cluster's, and says so", async () => {
    const owner = { apiVersion: "dynamokv.io/v1alpha1", kind: "DynamoCluster", name: "other", uid: "uid-1" };
    rig.api.objects.create({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "demo-nodes", namespace: "shop", ownerReferences: [owner] },
      spec: { selector: { of: "other" } },
    });
    rig.create();
    await rig.startOperator();
    await rig.until("it says whose it is", () => rig.condition("Reconciled")?.status === "False");
    expect(rig.condition("Reconciled")?.message).to.contain(
      "Service demo-nodes is that of DynamoCluster other: give this cluster another name",
    );
    const service = rig.api.objects.get("Service", "shop", "demo-nodes");
    expect(service["spec"]).to.deep.equal({ selector: { of: "other" } });
    expect(service.metadata.ownerReferences).to.deep.equal([owner]);
  });

  it("replaces pods one at a time when the spec changes, and none when only the operator does", async () => {
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
    const uids = (): string[] => rig.api.objects.list("Pod").map(({ metadata }) => metadata.uid);
    const before = uids();
    await rig.stopOperator();
    rig.image = "example/dynamokv:2";
    await rig.startOperator();
    await rig.until("the new operator asks for an update", () =>
      rig.status!.conditions!.some(({ type, status }) => type === "RequiresUpdate" && status === "True"),
    );
    expect(uids()).to.deep.equal(before);
    let fewest = 3;
    rig.api.objects.onChange(() => (fewest = Math.min(fewest, rig.api.objects.list("Pod").length)));
    rig.api.objects.mergePatch("DynamoCluster", "shop", "demo", {
      spec: { settings: { logLevel: "debug" } },
    });
    await rig.until(
      "all pods are new",
      () => uids().every((uid) => !before.includes(uid)) && uids().length === 3,
    );
    await rig.untilReady();
    expect(fewest).to.equal(2);
    expect(rig.pods.formations).to.have.length(1);
  });

  it("gives the id of a lost volume back to the node that came up empty", async () => {
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
    const lost = rig.pods.volumes.get("demo-1")!.id;
    rig.api.objects.delete("PersistentVolumeClaim", "shop", "data-demo-1");
    rig.api.objects.delete("Pod", "shop", "demo-1");
    await rig.until("the node has its id again", () => rig.pods.volumes.get("demo-1")!.id === lost);
    await rig.untilReady();
    expect(rig.pods.formations).to.have.length(1);
  });

  it("survives a watch that is cut and one that says nothing for a while", async () => {
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
    rig.api.cutWatches();
    rig.api.watchesHeld = true;
    rig.api.objects.mergePatch("DynamoCluster", "shop", "demo", { spec: { settings: { logLevel: "warn" } } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    rig.api.releaseWatches();
    const level = (): string | undefined =>
      (rig.api.objects.get("ConfigMap", "shop", "demo-nodes")["data"] as Record<string, string>)[
        "DYNAMO_LOG_LEVEL"
      ];
    await rig.until("the change arrived", () => level() === "warn");
  });

  it("looks again where a node says that it cannot begin yet, and shows that it does", async () => {
    let isShown = false;
    let budget: unknown;
    rig.pods.refusal = () => {
      budget = rig.api.objects.get("PodDisruptionBudget", "shop", "demo").spec;
      if (isShown) return undefined;
      return "not_joinable";
    };
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
    rig.change({ size: 4 });
    await rig.until(
      "it says why it waits",
      () => rig.condition("SizeAsAsked")?.message.includes("look again") === true,
    );
    isShown = true;
    await rig.until("four members", () => rig.status?.ring?.members === 4 && rig.status.phase === "Ready");
    expect(budget, "drains count the node before it joins").to.include({ minAvailable: 3 });
    const reasons = rig.api.objects.list("Event").map((event) => event["reason"]);
    expect(reasons).to.include("SizeChangeStarted").and.not.include("ReconcileFailed");
  });

  it("grows and shrinks, deletes the claims of the nodes that left, and grows over the same names", async () => {
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
    const claims = (): string[] =>
      rig.api.objects.list("PersistentVolumeClaim").map(({ metadata }) => metadata.uid);
    const before = claims();
    const isOf = (size: number) => (): boolean =>
      rig.status?.ring?.members === size && claims().length === size && rig.status.phase === "Ready";
    rig.change({ size: 5 });
    await rig.until("five members", isOf(5));
    expect(rig.condition("SizeAsAsked")?.status).to.equal("True");
    const grown = claims();
    rig.change({ size: 3 });
    await rig.until("three members", isOf(3));
    expect(claims()).to.deep.equal(before);
    rig.change({ size: 5 });
    await rig.until("five members again", isOf(5));
    expect(
      claims().filter((uid) => grown.includes(uid)),
      "claims used twice",
    ).to.deep.equal(before);
    expect(rig.pods.changes).to.deep.equal(["join 2", "leave 2", "join 2"]);
    expect(rig.events).to.include.members([
      "SizeChangeStarted",
      "PodsScaled",
      "VolumeDeleted",
      "SizeReached",
    ]);
  });

  it("takes a leave back when the size is raised again in the middle, and moves nobody", async () => {
    rig.create({ size: 5 });
    await rig.startOperator();
    await rig.untilReady();
    rig.pods.looksOfAChange = Infinity;
    rig.change({ size: 3 });
    await rig.until("the leave has begun", () => rig.pods.changes.length === 1);
    rig.change({ size: 5 });
    await rig.until("it is taken back", () => rig.pods.changes.includes("cancel leave"));
    await rig.untilReady();
    expect(rig.status).to.include({ size: 5, readyNodes: 5 });
    expect(rig.events).to.include("SizeChangeCancelled");
  });
});
