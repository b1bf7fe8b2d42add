import { expect } from "chai";
import type { DynamoClusterStatus } from "../../../../operator/api/v1alpha1/dynamo-cluster.ts";
import { Controller } from "../../../../operator/controller/controller.ts";
import { ApiConnection } from "../../../../operator/kube/api-connection.ts";
import { KubeClient } from "../../../../operator/kube/kube-client.ts";
import { ApiServerDouble } from "../double/api-server-double.ts";
import { Refused } from "../double/object-store.ts";
import { PodsDouble } from "../double/pod-double.ts";
import { clusterOf } from "../observed-cluster.ts";

/** The whole controller against an API server and nodes in this process. */
class Rig {
  readonly api = new ApiServerDouble();
  readonly pods: PodsDouble;
  #controller: Controller | undefined;
  #connection: ApiConnection | undefined;
  image = "example/dynamokv:1";

  constructor(net: number) {
    this.pods = new PodsDouble(this.api, net);
  }

  async startOperator(): Promise<void> {
    this.#connection ??= new ApiConnection(await this.api.start());
    this.#controller = new Controller({
      api: this.#connection,
      client: new KubeClient(this.#connection),
      watchNamespace: "",
      identity: "test",
      image: this.image,
      log: () => undefined,
    });
    await this.#controller.start();
  }

  async stopOperator(): Promise<void> {
    await this.#controller?.stop();
  }

  async stop(): Promise<void> {
    await this.stopOperator();
    await this.pods.stop();
    await this.api.stop();
  }

  create(): void {
    const { metadata, ...rest } = clusterOf();
    this.api.objects.create({ ...rest, metadata: { name: metadata.name, namespace: metadata.namespace } });
  }

  get status(): DynamoClusterStatus | undefined {
    return this.api.objects.find("DynamoCluster", "shop", "demo")?.status;
  }

  async until(what: string, holds: () => boolean, limitMs = 20_000): Promise<void> {
    const untilMs = performance.now() + limitMs;
    while (!holds()) {
      if (performance.now() > untilMs)
        throw new Error(`not within ${limitMs} ms: ${what}; ${JSON.stringify(this.status?.message)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async untilReady(): Promise<void> {
    await this.until("Ready and at rest", () => {
      const progressing = this.status?.conditions?.find(({ type }) => type === "Progressing");
      return this.status?.phase === "Ready" && progressing?.status === "False";
    });
  }
}

describe("operator: reconcile", () => {
  let rig: Rig;
  let net = 200;

  beforeEach(() => {
    rig = new Rig((net += 1));
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
});

describe("operator: crashes", () => {
  it("converges whichever of its writes is the last that it does", async function () {
    this.timeout(120_000);
    for (let last = 1; ; last++) {
      const rig = new Rig(100 + (last % 90));
      try {
        rig.create();
        // Its answer is lost and everything after it refused, until another operator takes over.
        let crashed = false;
        rig.api.afterWrite = (count) => {
          if (count >= last) {
            crashed = true;
            throw new Refused(503, "ServiceUnavailable", "planted");
          }
        };
        await rig.startOperator();
        await rig.until("a crash or the end", () => crashed || rig.status?.phase === "Ready");
        await rig.stopOperator();
        rig.api.afterWrite = () => undefined;
        await rig.startOperator();
        await rig.untilReady();
        const rings = new Set([...rig.pods.volumes.values()].map(({ ring }) => JSON.stringify(ring)));
        expect(rings.size, `after write ${last}`).to.equal(1);
        if (!crashed) return;
      } finally {
        await rig.stop();
      }
      expect(last, "writes to come to rest").to.be.lessThan(60);
    }
  });
});
