import { expect } from "chai";
import { OperatorRig } from "../double/operator-rig.ts";

describe("operator: the cluster secret", () => {
  let rig: OperatorRig;
  let net = 220;

  beforeEach(async () => {
    rig = new OperatorRig((net += 1));
    rig.create();
    await rig.startOperator();
    await rig.untilReady();
  });

  afterEach(() => rig.stop());

  const key = (): unknown =>
    (rig.api.objects.find("Secret", "shop", "demo-secret")?.["data"] as Record<string, string> | undefined)?.[
      "cluster-secret"
    ];

  function loseSecret(): void {
    rig.api.objects.delete("Secret", "shop", "demo-secret");
  }

  function unready(pod: string): void {
    rig.api.objects.mergePatch("Pod", "shop", pod, {
      status: { conditions: [{ type: "Ready", status: "False" }] },
    });
  }

  it("comes back with the same key where the operator still knows it", async () => {
    const before = key();
    loseSecret();
    unready("demo-1");
    await rig.until("the Secret is back", () => key() !== undefined);
    expect(key()).to.equal(before);
    await rig.until("the event", () => rig.events.includes("SecretRestored"));
  });

  it("is not drawn anew by an operator that does not know it, and a person is told what to do", async () => {
    await rig.stopOperator();
    const before = key() as string;
    loseSecret();
    rig.change({ settings: { logLevel: "debug" } });
    await rig.startOperator();
    await rig.until("it is told", () => rig.condition("Reconciled")?.reason === "SecretMissing");
    const { message } = rig.condition("Reconciled")!;
    expect(message).to.contain(
      "kubectl -n shop exec demo-0 -- cat /etc/dynamokv/cluster-secret > cluster-secret",
    );
    expect(message).to.contain(
      "kubectl -n shop create secret generic demo-secret --from-file=cluster-secret",
    );
    await rig.until("the event", () => rig.events.includes("SecretMissing"));
    expect(rig.condition("Ready")).to.include({ status: "False", reason: "SecretMissing" });
    expect(key()).to.equal(undefined);
    expect(
      rig.status?.nodes?.every(({ upToDate }) => upToDate),
      "no pod is replaced",
    ).to.equal(true);
    // The person does as told.
    rig.api.objects.create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "demo-secret", namespace: "shop" },
      data: { "cluster-secret": before },
    });
    await rig.untilReady();
    expect(rig.condition("Reconciled")?.status).to.equal("True");
    expect(rig.pods.formations).to.have.length(1);
  });

  it("is not drawn anew over retained volumes", async () => {
    await rig.stopOperator();
    for (const kind of ["DynamoCluster", "StatefulSet", "Pod", "Secret"])
      for (const { metadata } of rig.api.objects.list(kind))
        rig.api.objects.delete(kind, metadata.namespace, metadata.name);
    rig.create();
    await rig.startOperator();
    await rig.until("it is told", () => rig.condition("Reconciled")?.reason === "SecretMissing");
    expect(rig.condition("Reconciled")?.message).to.contain("data-demo-0").and.to.contain("--from-literal");
    expect(key()).to.equal(undefined);
    expect(rig.api.objects.list("StatefulSet")).to.deep.equal([]);
  });

  it("is told about where it holds no key", async () => {
    await rig.stopOperator();
    rig.api.objects.mergePatch("Secret", "shop", "demo-secret", {
      data: { "cluster-secret": "bm9uc2Vuc2U=" },
    });
    await rig.startOperator();
    await rig.until("it is told", () => rig.condition("Reconciled")?.reason === "SecretUnusable");
  });

  it("may have owners that are no cluster", async () => {
    await rig.stopOperator();
    rig.api.objects.mergePatch("Secret", "shop", "demo-secret", {
      metadata: { ownerReferences: [{ uid: "1", kind: "ExternalSecret", name: "vault" }] },
    });
    await rig.startOperator();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(rig.condition("Reconciled")?.status).to.equal("True");
  });
});
